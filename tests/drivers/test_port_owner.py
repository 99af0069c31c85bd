"""The teller's program holds the port all day: no driver disturbs it, and each knows when it has let go.

Every serial driver in the registry is held to this with every row that tests/drivers/test_contract.py has for it.
"""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers import registry
from drivers.base import Driver, GoesFirst, Reading, TellsNews
from drivers.errors import Busy, DeviceError, Reason, Unreachable
from drivers.serial_link import Ask, Conversation, SerialLink, SerialOptions
from drivers.sim.base import Fault
from tests.drivers.test_contract import ROWS

if sys.platform == "win32":
    raise pytest.skip.Exception("there are no ptys on Windows", allow_module_level=True)

import termios

from drivers import serial_owner, serial_watch

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
ROOT = Path(__file__).parents[2]
SERIAL = [name for name in registry.BUILT_IN if issubclass(registry.find(name).Options, SerialOptions)]
PTYS = [row for row, (name, _, sim_options) in ROWS.items() if name in SERIAL and sim_options.get("link") != "tcp"]

OPENED = "import os; held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)"
HOLDERS = {
    "without any lock": OPENED,
    "with flock": f"{OPENED}; import fcntl; fcntl.flock(held, fcntl.LOCK_EX)",
    "with TIOCEXCL": f"{OPENED}; import fcntl, termios; fcntl.ioctl(held, termios.TIOCEXCL)",
    "with a lock file": "import os; open(sys.argv[2], 'w').write(f'{os.getpid():>10}\\n')",
}


@contextmanager
def teller(code: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A program that runs `code`, then each line it is sent, and says "ready" after each; it ends with the block."""
    told = (
        f"import sys\n{code}\nprint('ready', flush=True)\nfor line in sys.stdin: exec(line); print('ready', flush=True)"
    )
    command = [sys.executable, "-c", told, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            _ready(process)
            yield process
        finally:
            process.kill()


def _ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    _ready(process)


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """`locks(port)` is the path of the UUCP lock file of a port, in a folder of the test's own."""
    monkeypatch.setattr(serial_owner, "_LOCK_FOLDERS", (tmp_path,))
    return lambda port: str(tmp_path / f"LCK..{Path(os.path.realpath(port)).name}")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_owner, "LOOK_SECONDS", 0.01)


def test_there_are_serial_drivers_and_each_has_a_row_on_a_pty() -> None:
    assert SERIAL
    assert {ROWS[row][0] for row in PTYS} == set(SERIAL)


@pytest.mark.parametrize("name", SERIAL)
def test_every_serial_driver_goes_first_and_tells_when_its_port_is_free(name: str, driver: Make) -> None:
    options = next(options for other, options, _ in ROWS.values() if other == name)
    made = driver(name, "/dev/ttyS0", **options)
    assert isinstance(made, TellsNews)
    assert isinstance(made, GoesFirst)
    assert made.goes_first


@pytest.mark.parametrize("how", HOLDERS)
@pytest.mark.parametrize("row", PTYS)
async def test_a_held_port_gets_not_one_byte_and_no_setting(
    row: str, how: str, start: Start, driver: Make, poll: Poll, locks: Callable[[str], str]
) -> None:
    name, options, sim_options = ROWS[row]
    device, port = await start(name, sim_options)
    watched = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        with teller(HOLDERS[how], port, locks(port)):
            was = termios.tcgetattr(watched)
            for _ in range(3):
                with pytest.raises(Busy) as busy:
                    await poll(driver(name, port, **options))
                assert busy.value.reason == Reason.PORT_IN_USE
            assert termios.tcgetattr(watched) == was
        assert device.heard == 0
    finally:
        os.close(watched)


@pytest.mark.parametrize("earlier", [0, 2], ids=["taken before the first poll", "taken between two polls"])
@pytest.mark.parametrize("row", PTYS)
async def test_a_held_port_is_not_even_opened(row: str, earlier: int, start: Start) -> None:
    """Linux raises DTR and RTS at every open, over what the holder has set. Python reports opens to an audit hook."""
    name, options, sim_options = ROWS[row]
    device, port = await start(name, sim_options)
    code = """
        import asyncio, json, os, sys
        from drivers.base import Shared
        from drivers.errors import Busy
        from drivers.registry import find

        name, port, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
        real, did = os.path.realpath(port), []

        def note(event, words):
            if event == "open" and isinstance(words[0], str) and os.path.realpath(words[0]) == real:
                did.append("open")
            elif event == "fcntl.ioctl":
                did.append(words[1])

        sys.addaudithook(note)
        kind = find(name)
        driver = kind(port, kind.Options.model_validate(options), Shared())

        async def poll():
            try:
                await driver.open()
                await driver.poll()
                print(did.count("open"), flush=True)
            except Busy:
                print("Busy", did, flush=True)
            finally:
                await driver.close()
                did.clear()

        async def main():
            while await asyncio.to_thread(sys.stdin.readline):
                await poll()

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), name, port, json.dumps(options)]
    with answering(command) as answer:
        for _ in range(earlier):
            assert await asyncio.to_thread(answer) == "1\n"
        with teller(OPENED, port):
            assert await asyncio.to_thread(answer) == "Busy []\n"
    assert earlier or device.heard == 0


@contextmanager
def answering(command: list[str]) -> Iterator[Callable[[], str]]:
    """A program that answers every line with a line."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def answer() -> str:
            stdin.write("\n")
            stdin.flush()
            return stdout.readline()

        try:
            yield answer
        finally:
            process.kill()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ports whose holder was looked for, look by look."""
    found: list[str] = []
    look = serial_owner.look

    def counted(port: str, *words: Any) -> serial_owner.Found:
        found.append(port)
        return look(port, *words)

    monkeypatch.setattr(serial_owner, "look", counted)
    return found


async def test_a_port_nobody_opened_since_is_looked_over_once_and_not_twice(
    start: Start, driver: Make, poll: Poll, looks: list[str]
) -> None:
    _, port = await start("passbook")
    polled = driver("passbook", port, emulation="olivetti")
    counts = []
    for _ in range(3):
        await poll(polled)
        counts.append(len(looks))
        looks.clear()
    assert counts == [2, 1, 1]
    with teller(f"{OPENED}; os.close(held)", port):
        await poll(polled)
    assert len(looks) == 2


async def test_another_port_in_its_place_is_looked_over_anew(
    start: Start, driver: Make, poll: Poll, looks: list[str], tmp_path: Path
) -> None:
    """An adapter was pulled out, and another put in: its device node has the same name."""
    _, first = await start("passbook")
    _, second = await start("passbook")
    place = tmp_path / "ttyUSB0"
    place.symlink_to(first)
    polled = driver("passbook", str(place), emulation="olivetti")
    await poll(polled)
    with teller(OPENED, second):
        place.unlink()
        place.symlink_to(second)
        with pytest.raises(Busy):
            await poll(polled)


async def test_where_the_system_watches_nothing_a_port_is_always_looked_over_first(
    start: Start, driver: Make, poll: Poll, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_watch, "_FLAGS", -1)  # inotify_init1 refuses, as it does beyond a user's limit
    _, port = await start("passbook")
    polled = driver("passbook", port, emulation="olivetti")
    for _ in range(3):
        await poll(polled)
    assert len(looks) == 6
    with teller(OPENED, port), pytest.raises(Busy):
        await poll(polled)
    assert len(looks) == 7


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("row", PTYS)
async def test_a_port_that_was_let_go_is_news(
    row: str, start: Start, driver: Make, poll: Poll, look_around: Callable[[], Any], nothing_left: Any
) -> None:
    name, options, sim_options = ROWS[row]
    device, port = await start(name, sim_options)
    polled = driver(name, port, **options)
    assert isinstance(polled, TellsNews)
    with teller(OPENED, port) as program:
        with pytest.raises(Busy):
            await poll(polled)
        before = look_around()
        waiting = asyncio.ensure_future(polled.news())
        _say(program, "os.close(held)")
        assert await waiting
        await nothing_left(before)
        assert device.heard == 0
    assert isinstance(await poll(polled), Reading)
    assert not await polled.news()


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.SILENT])
async def test_without_a_holder_there_is_nothing_to_wait_for(
    fault: Fault, start: Start, driver: Make, poll: Poll
) -> None:
    device, port = await start("passbook")
    polled = driver("passbook", port, emulation="olivetti")
    assert isinstance(polled, TellsNews)
    assert not await polled.news()
    device.fault = fault
    try:
        await poll(polled)
    except DeviceError:
        assert fault is Fault.SILENT
    assert not await polled.news()


async def test_a_program_that_closes_and_opens_again_is_not_come_between(
    start: Start, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = await start("passbook")
    looks: list[bool] = []
    look = serial_owner.look

    def counted(*words: Any) -> serial_owner.Found:
        found = look(*words)
        looks.append(found.holder is not None)
        return found

    monkeypatch.setattr(serial_owner, "look", counted)
    monkeypatch.setattr(serial_owner, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(serial_owner, "QUIET_LOOKS", 1_000_000)
    with teller(OPENED, port) as program:
        waiting = asyncio.ensure_future(serial_owner.let_go(port, strict=True))
        await until(lambda: True in looks)
        _say(program, "os.close(held)")
        await until(lambda: looks[-5:] == [False] * 5)
        _say(program, "held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)")
        await until(lambda: looks[-1])
        monkeypatch.setattr(serial_owner, "QUIET_LOOKS", 5)
        seen = len(looks)
        await until(lambda: len(looks) > seen + 5)
        assert not waiting.done()
        _say(program, "os.close(held)")
        assert await waiting
    assert looks[-5:] == [False] * 5


@pytest.mark.usefixtures("quick")
async def test_a_port_that_is_pulled_out_while_it_is_held_is_news(
    start: Start, driver: Make, poll: Poll, tmp_path: Path
) -> None:
    _, port = await start("passbook")
    link = tmp_path / "usb-serial-by-id"
    link.symlink_to(os.readlink(port))
    polled = driver("passbook", str(link), emulation="olivetti")
    assert isinstance(polled, TellsNews)
    with teller(OPENED, port):
        with pytest.raises(Busy):
            await poll(polled)
        waiting = asyncio.ensure_future(polled.news())
        link.unlink()
        assert await waiting
        with pytest.raises(DeviceError) as gone:
            await poll(polled)
    assert gone.value.reason == Reason.NO_SUCH_PORT


@pytest.mark.usefixtures("quick")
async def test_a_port_that_is_plugged_in_is_news(
    start: Start, driver: Make, poll: Poll, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = await start("passbook")
    link = tmp_path / "usb-serial-by-id"
    polled = driver("passbook", str(link), emulation="olivetti")
    assert isinstance(polled, TellsNews)
    with pytest.raises(DeviceError):
        await poll(polled)
    looked: list[object] = []
    exists = os.path.exists

    def noted(path: str) -> bool:
        looked.append(path)
        return exists(path)

    monkeypatch.setattr(os.path, "exists", noted)
    waiting = asyncio.ensure_future(polled.news())
    await until(lambda: looked.count(str(link)) > 1)
    link.symlink_to(os.readlink(port))
    assert await waiting
    assert isinstance(await poll(polled), Reading)


async def test_what_is_no_port_is_not_waited_for(driver: Make, poll: Poll, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    polled = driver("passbook", str(path), emulation="olivetti")
    assert isinstance(polled, TellsNews)
    with pytest.raises(DeviceError):
        await poll(polled)
    assert not await polled.news()


@pytest.mark.usefixtures("quick")
async def test_who_cannot_look_has_nothing_to_wait_for(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    _, port = await start("passbook")
    monkeypatch.setattr(serial_owner, "_PROC", Path("/nowhere"))
    assert not await serial_owner.let_go(port, strict=True)
    assert not await serial_owner.let_go(port, strict=False)


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers of devices are Linux's")
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
async def test_what_is_no_port_is_said_to_be_none_whoever_has_it_open(device: str) -> None:
    with teller(OPENED, device), pytest.raises(Unreachable) as refused:
        await SerialLink(device, SerialOptions()).converse(_nothing())
    assert refused.value.reason is Reason.NO_SUCH_PORT


def _nothing() -> Conversation[None]:
    yield Ask(b"?", None)
