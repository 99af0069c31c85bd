"""`branchfleet-agent discover` from its words to what it prints."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agent.discover.known import Known, known_by
from agent.discover.plugged import Guess, ask_ports, propose_readers, read_guess, unasked
from agent.discover.proposal import Position, positions, write
from agent.discover.ranges import Place, read_ranges
from agent.discover.search import Search, Seeker, can_look
from agent.inventory.problems import shown
from agent.ports import Port, card_readers, serial_ports
from agent.signals import ended_by_signals
from agent.texts import _
from agent.typed import SECRET, Bad, options_of, pairs, parted
from drivers.registry import find, names

SNMP = "snmp"
PROGRESS_SECONDS = 5.0

Say = Callable[[str], None]
SecretOf = Callable[[str], str]


class Wanted(NamedTuple):
    """What to look at, as it was said on the command line."""

    ranges: list[str]
    communities: list[str]
    ask: list[str]
    serial: list[str]
    inventory: Path | None
    branch: str | None
    rate: float
    home: Path


class Outcome(NamedTuple):
    """What was found. `stopped`: by a person, before every address was asked."""

    known: Known
    proposed: list[Position]
    ports: list[Port]
    stopped: bool

    def as_toml(self) -> str:
        return write(self.proposed, self.ports, self.known)

    def as_json(self) -> dict[str, Any]:
        return {
            "proposed": [
                {"class" if key == "cls" else key: value for key, value in one._asdict().items()}
                for one in self.proposed
            ],
            "serial": msgspec.to_builtins(self.ports),
            "stopped": self.stopped,
        }


def discover(wanted: Wanted, secret_of: SecretOf, say: Say) -> Outcome:
    """Look at what is plugged in and at the ranges. Bad or Trouble before anything is sent if a word is wrong."""
    known = known_by(wanted.inventory, wanted.home, wanted.branch)
    places = read_ranges(wanted.ranges)
    guesses: list[Guess] = [read_guess(text) for text in wanted.serial]
    seekers = read_seekers(wanted.ask, wanted.communities, secret_of) if places else []
    jobs = [(place, seeker) for place in places for seeker in seekers]
    new = [job for job in jobs if not known.has(job[1].driver, job[0])]
    sightings = ask_ports(guesses, known, secret_of, say)
    readers = card_readers()
    if readers.note:
        say(_("Card readers cannot be seen: {why}.").format(why=readers.note))
    sightings += propose_readers(readers, known)
    search = Search(new, wanted.rate, say)
    if places:
        say(_plan(places, seekers, len(jobs) - len(new), wanted.rate))
    stopped = _run(search, say)
    proposed = positions(sightings + search.sightings, known)
    for sentence in _summary(search, proposed, stopped):
        say(sentence)
    return Outcome(known, proposed, unasked(serial_ports(), guesses, known), stopped)


def read_seekers(ask: Iterable[str], communities: Iterable[str], secret_of: SecretOf) -> list[Seeker]:
    """Those of `ask` ("DRIVER" or "DRIVER,KEY=VALUE,..."), else every driver that can look, as it usually asks."""
    said: dict[str, list[dict[str, str]]] = {}
    for text in ask:
        driver, *options = parted(text) or [""]
        said.setdefault(driver.strip(), []).append(pairs(options))
    chosen = said or {name: [{}] for name in names() if _can_look(name)}
    if given := [{"community": community} for community in communities]:
        before = [options for options in chosen.get(SNMP, []) if options]
        chosen = {**chosen, SNMP: [*given, *before]}
    return [_seeker(name, options, secret_of) for name, options in chosen.items()]


def _seeker(name: str, tries: list[dict[str, str]], secret_of: SecretOf) -> Seeker:
    if name not in names() or not _can_look(name):
        there = ", ".join(one for one in names() if _can_look(one))
        told = _("{driver} is no driver that can look around; there are: {drivers}.")
        raise Bad(told.format(driver=shown(name), drivers=there))
    kind = find(name)
    taken: set[str] = set()
    return Seeker(name, kind, [options_of(name, kind, said, secret_of, taken) for said in tries])


def _can_look(name: str) -> bool:
    """Whether the driver can look around, and needs to be told nothing for it."""
    try:
        kind = find(name)
        kind.Options.model_validate({})
    except (ImportError, AttributeError, ValueError):
        return False
    return can_look(kind)


def _run(search: Search, say: Say) -> bool:
    """Search; True if a signal stopped it."""

    async def main() -> bool:
        task = asyncio.ensure_future(search.run())
        progress = asyncio.ensure_future(_narrate(search, say))
        with ended_by_signals(asyncio.get_running_loop(), lambda _signal: task.cancel()):
            try:
                await task
            except asyncio.CancelledError:
                return True
            finally:
                progress.cancel()
        return False

    return asyncio.run(main()) if search.size else False


async def _narrate(search: Search, say: Say) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        told = _("{asked} of {size} asked, {found} found.")
        say(told.format(asked=search.asked, size=search.size, found=len(search.sightings)))


def _plan(places: list[Place], seekers: list[Seeker], left_out: int, rate: float) -> str:
    by = ", ".join(seeker.driver for seeker in seekers)
    told = _("Addresses to ask: {count}, by {drivers}, with at most {rate} questions a second.")
    already = _("Polled already and left out: {count}.").format(count=left_out) if left_out else ""
    return f"{told.format(count=len(places), drivers=by, rate=f'{rate:g}')} {already}".rstrip()


def _summary(search: Search, proposed: list[Position], stopped: bool) -> Iterable[str]:
    if stopped:
        told = _("Stopped after {asked} of {size}; this is what was found so far.")
        yield told.format(asked=search.asked, size=search.size)
    count = _("Positions proposed: {count}.").format(count=len(proposed))
    yield count if proposed else _("Nothing was found to propose.")
    written = {str(value) for one in proposed for value in one.options.values()}
    for name in sorted(text.removeprefix(SECRET) for text in written if text.startswith(SECRET)):
        told = _("Say to the server what {secret} is: branchfleet-server secret set {name}")
        yield told.format(secret=f"{SECRET}{name}", name=name)
