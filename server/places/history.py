"""A number over time: up to two days from the records themselves, longer from the hourly roll-ups.

Either way it is stretches of time in which a value was attested, gathered into as many points as the screen is wide.
Where nothing was attested there is no point: holes are never bridged.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
from sqlalchemy import select
from sqlmodel import Session, col

from agent.wire import State as StateRecord
from server.coverage.hours import midnight
from server.coverage.kept import kept_until
from server.coverage.spans import MINUTE
from server.errors import Invalid
from server.health import queries as health
from server.health.hours import hours_of
from server.health.rollups import HOUR
from server.health.state import DAY, KEY_LIMIT, span
from server.health.titles import number_of, part_title
from server.ingest.tables import Attested, RecordRow
from server.inventory.tables import Position, Subject
from server.queries import bank_zone
from server.schemas.positions import History, Point

RAW_WINDOW = 2 * DAY
LONGEST = 3 * 366 * DAY
LEAST_STEP = 1_000_000  # µs
_decode = msgspec.msgpack.Decoder(StateRecord).decode


@dataclass(frozen=True, slots=True)
class Stretch:
    """The number from `start` to `end`: its bounds, and its mean by time. A single poll has no length."""

    start: int
    end: int
    low: float
    high: float
    mean: float


def history(
    session: Session,
    subject: Subject,
    position: Position,
    metric: str,
    *,
    start: int,
    end: int,
    points: int,
    lang: str,
) -> History:
    if not 0 <= start < end or end - start > LONGEST:
        raise Invalid("The time asked for must end after it begins, and be no longer than three years.")
    own, metric = subject.id or 0, metric[:KEY_LIMIT]
    gone = kept_until(session)
    if end - start <= RAW_WINDOW and not (gone and start < midnight(gone, bank_zone(session)) * MINUTE):
        found = _from_records(session, own, metric, start, end, span(position.interval_us))
        least = LEAST_STEP
    else:
        found = _from_roll_ups(session, own, metric, start, end)
        least = HOUR
    step = max(least, -(-(end - start) // points))
    known = number_of(metric)
    return History(
        position=subject.key,
        metric=metric,
        unit=known.unit if known else "",
        title=part_title(metric, lang),
        step=step,
        points=gather(found, start, end, step),
        conditions=health.between(session, own, start, end, lang),
    )


def _from_records(session: Session, own: int, metric: str, start: int, end: int, hole: int) -> Iterator[Stretch]:
    """Each state as long as it is attested, or until the next one if that came before a hole could be."""
    asked = (
        select(col(Attested.start), col(Attested.end), col(RecordRow.body), col(Attested.agent_id))
        .join(RecordRow, col(RecordRow.id) == col(Attested.record_id))
        .where(col(Attested.subject_id) == own, col(Attested.end) >= start - hole, col(Attested.start) <= end)
        .order_by(col(Attested.agent_id), col(Attested.start))
    )
    rows = [(lo, hi, _number(body, metric), agent) for lo, hi, body, agent in session.execute(asked)]
    first = next((agent for _, _, value, agent in rows if value is not None), None)
    mine = [row for row in rows if row[3] == first]  # one view: two agents' numbers do not add up
    for (lo, hi, value, _), after in zip(mine, [*mine[1:], None], strict=True):
        if value is not None:
            held = after[0] if after is not None and after[0] - hi <= hole else hi
            yield Stretch(lo, max(hi, held), value, value, value)


def _number(body: bytes, metric: str) -> float | None:
    try:
        return _decode(body).reading.numbers.get(metric)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _from_roll_ups(session: Session, own: int, metric: str, start: int, end: int) -> Iterator[Stretch]:
    for hour, total in hours_of(session, own, metric, start - start % HOUR, end):
        mean = total.weighted / total.seconds if total.seconds else total.last
        yield Stretch(hour, hour + round(total.seconds * 1e6), total.low, total.high, mean)


def gather(stretches: Iterable[Stretch], start: int, end: int, step: int) -> list[Point]:
    """One point for each `step` in which anything was attested: lowest, highest, mean by time."""
    bins: dict[int, list[tuple[Stretch, int]]] = {}
    for stretch in stretches:
        lo, hi = max(stretch.start, start), min(stretch.end, end)
        if hi < lo:
            continue
        for place in range((lo - start) // step, (hi - start) // step + 1):
            begins = start + place * step
            within = min(hi, begins + step) - max(lo, begins)
            if begins < end and (within > 0 or lo == hi):
                bins.setdefault(place, []).append((stretch, within))
    return [_point(start + place * step, bins[place]) for place in sorted(bins)]


def _point(at: int, found: list[tuple[Stretch, int]]) -> Point:
    total = sum(within for _, within in found)
    if total:
        mean = sum(stretch.mean * within for stretch, within in found) / total
    else:
        mean = sum(stretch.mean for stretch, _ in found) / len(found)
    low, high = min(stretch.low for stretch, _ in found), max(stretch.high for stretch, _ in found)
    return Point(at=at, low=low, high=high, mean=min(max(mean, low), high))
