"""Boots that never met the server: where they stand in their stream, and an offset for each.

A PC was started while the line was cut and was switched off again. What is known of it is what was recorded before it
and after it, how long it ran, and what its wall clock said. The agent names all such boots with every batch, because
an offset that was given is never taken back, and the second of them must not find its place taken by the first.
"""

from agent.wire import Clock
from server.ingest import times
from server.ingest.batch import Incoming, Parcel
from server.ingest.lineage import Past, before
from server.ingest.link import Link, Row
from server.ingest.times import Corrected, Offset, Unmet

BEFORE = "SELECT at, confidence FROM record WHERE stream_id = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
AFTER = "SELECT at - boot, confidence FROM record WHERE stream_id = ? AND seq > ? ORDER BY seq LIMIT 1"


def place_unmet(
    link: Link, past: Past, parcel: Parcel, fresh: list[Incoming], known: dict[str, list[Offset]], began: Corrected
) -> dict[str, Offset]:
    """Offsets of the boots in `parcel` that `known` has none of. `began` is when the boot began that sent it."""
    earlier = [incoming.seq for incoming in fresh if incoming.clock.boot_id != parcel.sent.boot_id]
    chain = _chain(parcel, fresh) if earlier else []
    if all(known.get(boot.boot_id) for boot in chain):
        return {}
    placed: dict[str, Offset] = {}
    run: list[Unmet] = []
    after = _corrected(before(link, past, earlier[0], BEFORE))
    for boot in chain:
        offsets = known.get(boot.boot_id)
        if not offsets:
            run.append(boot)
            continue
        placed.update(_placed(run, after, times.correct(0, offsets, parcel.arrived)))
        run, after = [], times.correct(boot.last, offsets, parcel.arrived)
    ended = _corrected(link.rows(AFTER, next(iter(past)), earlier[-1])) or began
    placed.update(_placed(run, after, ended))
    return placed


def _chain(parcel: Parcel, fresh: list[Incoming]) -> list[Unmet]:
    """The boots before the one that sent this, in their order: as the agent told them, or else as they come here."""
    clocks: dict[str, list[Clock]] = {}
    for incoming in fresh:
        clocks.setdefault(incoming.clock.boot_id, []).append(incoming.clock)
    clocks.pop(parcel.sent.boot_id, None)
    told = {clock.boot_id: clock for clock in parcel.boots if clock.boot_id != parcel.sent.boot_id}
    if clocks.keys() <= told.keys():
        clocks = {boot_id: [*clocks.get(boot_id, ()), clock] for boot_id, clock in told.items()}
    return [_unmet(boot_id, of_boot, parcel) for boot_id, of_boot in clocks.items()]


def _unmet(boot_id: str, clocks: list[Clock], parcel: Parcel) -> Unmet:
    walls = [wall for clock in reversed(clocks) for wall in times.walls_of(clock, parcel.sent, parcel.came)]
    return Unmet(boot_id, max(clock.boot for clock in clocks), tuple(dict.fromkeys(walls)))


def _placed(run: list[Unmet], after: Corrected | None, before: Corrected) -> dict[str, Offset]:
    return {boot.boot_id: offset for boot, offset in zip(run, times.place(run, after, before), strict=True)}


def _corrected(found: list[Row]) -> Corrected | None:
    return Corrected(*found[0]) if found else None
