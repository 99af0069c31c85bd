"""A simulated device in a person's hands: it answers until it is stopped, and a line typed meanwhile changes it."""

import asyncio
import difflib
import errno
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from agent.exit import Exit, Trouble
from agent.inventory.problems import shown
from agent.signals import ended_by_signals
from agent.texts import _
from agent.tidy import tidy_text
from agent.typed import Bad, pairs, value_of
from agent.wire import catalogue
from drivers.sim.base import Fault, Simulator, WrongState
from drivers.sim.registry import make, names

HELP = """\
paper=out          what a part says, or a number; several in one line if you like
fault silent       what goes wrong: {faults}
show               what it says now
Ctrl-C, or the end of standard input, ends it."""

Say = Callable[[str], None]


class Wanted(NamedTuple):
    """A simulator as it was asked for: the name of a driver, options, a state, and a port to answer at."""

    driver: str
    options: dict[str, Any]
    state: dict[str, str]
    port: int | None

    def made(self, folder: Path, change: Mapping[str, str]) -> Simulator:
        """The simulator with `change` in its state, not started; Bad if it cannot be that."""
        options = self.options | ({} if self.port is None else {"port": self.port})
        try:
            return make(self.driver, self.driver.replace("/", "-"), options, {**self.state, **change}, folder)
        except KeyError as error:
            told = _("The simulator of {driver} needs --option {key}=...")
            raise Bad(told.format(driver=self.driver, key=error.args[0])) from None
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or _("An option")
            why = first["msg"].removeprefix("Value error, ")
            raise Bad(_("{where} is wrong: {why}.").format(where=where, why=why)) from None
        except (ValueError, TypeError, OSError) as error:
            said = f"{error.filename}: {_(error.strerror or '')}" if isinstance(error, OSError) else str(error)
            raise Bad(_("It cannot be so: {why}.").format(why=tidy_text(said, 300))) from None


def drivers() -> list[str]:
    """Every driver that has a simulator."""
    return names()


def settable(driver: str, options: Mapping[str, Any]) -> Iterator[str]:
    """What can be set in a simulator of `driver`, a part or number a line with its words."""
    nothing_of_ours = "-"
    try:
        with tempfile.TemporaryDirectory(prefix="branchfleet-") as folder:
            make(driver, driver.replace("/", "-"), dict(options), {nothing_of_ours: "?"}, Path(folder))
    except WrongState as wrong:
        yield from [f"{key}: {_words(key, words)}" for key, words in wrong.known.items()] or [_("nothing")]
    except KeyError as error:
        yield _("--option {key}=... first, then --parts says what can be set").format(key=error.args[0])
    except ValueError as error:  # a third party's, which says it in a sentence of its own
        yield tidy_text(str(error), 300)


def _words(key: str, words: Collection[str] | None) -> str:
    part = catalogue().find_part(key) if catalogue().find_number(key) is None else None
    if words is None:  # either a number, or whatever the catalogue has for it
        words = part.words if part is not None else ["NUMBER"]
    return ", ".join(dict.fromkeys(words)) or "TEXT"


def wanted(driver: str, sets: Iterable[str], options: Iterable[str], port: int | None) -> Wanted:
    """What the command line asks for. Trouble if there is no such simulator or a pair is none."""
    known_driver(driver)
    plain = Wanted(driver, {key: value_of(value) for key, value in pairs(options).items()}, {}, port)
    return plain._replace(state=checked(pairs(sets), plain.made(Path(), {}).state))


def known_driver(driver: str) -> None:
    """Trouble if there is no simulator of it."""
    known = names()
    if driver not in known:
        told = _("There is no simulator of {driver}.").format(driver=shown(driver))
        there = _("There are: {names}.").format(names=", ".join(known))
        raise Trouble(Exit.NOT_FOUND, f"{told} {_near(driver, known) or there}")


def checked(change: dict[str, str], state: Mapping[str, str]) -> dict[str, str]:
    """`change`, if each key is in the catalogue or the state, and says what such a thing can say. A file's state is by
    subject: "1007/pos-1:activity"."""
    for key, said in change.items():
        if wrong := _wrong(key.rpartition(":")[2], key in state, said):
            raise Bad(wrong)
    return change


def _wrong(key: str, in_state: bool, said: str) -> str | None:
    known = catalogue()
    part = known.find_part(key)
    words = known.device if key == "device" else part.words if part else None
    if words is not None:
        told = _("{what} cannot be {value}: it is one of {words}.")
        return None if said in words else told.format(what=key, value=shown(said), words=", ".join(words))
    if known.find_number(key) is not None:
        return (
            None
            if _is_number(said)
            else _("{what} cannot be {value}: it is a number.").format(what=key, value=shown(said))
        )
    if in_state:
        return None
    told = _("There is no part and no number called {key}.").format(key=shown(key))
    return f"{told} {_near(key, [*known.part, *known.number])}".rstrip()


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _near(wrong: str, right: list[str]) -> str:
    near = difflib.get_close_matches(wrong, right, n=1, cutoff=0.6)
    return _("Did you mean {near}?").format(near=near[0]) if near else ""


class Hand:
    """What a person does to one running simulator."""

    def __init__(self, simulator: Simulator, asked_for: Wanted, folder: Path, say: Say) -> None:
        self._simulator = simulator
        self._wanted = asked_for
        self._folder = folder
        self._say = say
        self._told: dict[str, str] | None = None
        simulator.showed = self._showed

    def do(self, line: str) -> None:
        """One typed line; what is wrong with it is said, and nothing is changed."""
        words = line.replace("fault=", "fault ").split()
        try:
            match words:
                case []:
                    return
                case ["help" | "?"]:
                    self._say(_(HELP).format(faults=", ".join(Fault)))
                case ["show"]:
                    self.show()
                case ["fault", word]:
                    self.fail(word)
                case ["fault"]:
                    raise Bad(_("Say which fault: {faults}.").format(faults=", ".join(Fault)))
                case _:
                    self._set(pairs(words))
        except Bad as bad:
            self._say(str(bad))

    def fail(self, word: str) -> None:
        if word not in list(Fault):
            told = _("There is no fault {fault}; there are: {faults}.")
            raise Bad(told.format(fault=shown(word), faults=", ".join(Fault)))
        self._simulator.fault = Fault(word)

    def show(self) -> None:
        state = "  ".join(f"{key}={value}" for key, value in self._simulator.state.items())
        self._say(f"{state or _('It has no parts.')}  fault {self._simulator.fault}")

    def _set(self, change: dict[str, str]) -> None:
        state = self._simulator.state
        self._wanted.made(
            self._folder, {**state, **checked(change, state)}
        )  # another, so that it says what it cannot be
        state.update(change)

    def _showed(self, name: str, told: dict[str, str]) -> None:
        if told != self._told:
            self._told = told
            said = "  ".join(f"{key}={value}" for key, value in told.items())
            self._say(_("It told: {said}").format(said=said) if said else _("It answered."))


def simulate(asked_for: Wanted, fault: str, print_address: Say, say: Say) -> None:
    """Run it until a signal or the end of standard input; nothing is left of it."""

    async def main(folder: Path) -> None:
        loop = asyncio.get_running_loop()
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        simulator = asked_for.made(folder, {})
        with ended_by_signals(loop, lambda _signal: lines.put_nowait(None)):
            try:
                address = await simulator.start()
                if asked_for.port is not None and not address.endswith(f":{asked_for.port}"):
                    told = _("The simulator of {driver} answers at {address}; it takes no --port.")
                    raise Bad(told.format(driver=asked_for.driver, address=address))
                hand = Hand(simulator, asked_for, folder, say)
                hand.fail(fault)
                print_address(address)
                say(_('It answers at this address. "help" says what can be typed; Ctrl-C ends it.'))
                _listen(lambda line: loop.call_soon_threadsafe(lines.put_nowait, line))
                while (line := await lines.get()) is not None:
                    hand.do(line)
            finally:
                await simulator.close()

    with tempfile.TemporaryDirectory(prefix="branchfleet-") as folder:
        try:
            asyncio.run(main(Path(folder)))
        except OSError as error:
            code = Exit.BUSY if error.errno == errno.EADDRINUSE else Exit.CANNOT_WRITE
            why = _(error.strerror or str(error))
            raise Trouble(code, _("The simulator cannot start: {why}.").format(why=why)) from error


def _listen(hear: Callable[[str | None], object]) -> None:
    """`hear` each line of standard input, then None. A thread that waits in `sys.stdin` would keep Python from
    ending, so it reads the bytes themselves."""

    def read() -> None:
        rest = b""
        while data := os.read(number, 4096):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                hear(line.decode("utf-8", errors="replace").strip())
        if rest:
            hear(rest.decode("utf-8", errors="replace").strip())
        hear(None)

    number = sys.stdin.fileno()
    threading.Thread(target=read, name="stdin", daemon=True).start()
