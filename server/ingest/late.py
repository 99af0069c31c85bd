"""Records that came after later ones of their stream. The slow way, to the same rows as in order."""

import msgspec

from agent.wire import Hold, State
from server.ingest.bulks import ATTESTED
from server.ingest.intervals import HeldFor, Stretch, fold, merge
from server.ingest.lineage import END, Past, before, followers, in_past
from server.ingest.link import Link, Row
from server.ingest.places import Place

BEFORE = """
SELECT id, stream_id, seq, at, body FROM record
WHERE stream_id = ? AND subject_id = ? AND kind = 'state' AND seq < ? ORDER BY seq DESC LIMIT 1
"""
AFTER = "SELECT min(seq) FROM record WHERE stream_id = ? AND subject_id = ? AND kind = 'state' AND seq > ?"
HOLDS = "SELECT at, body FROM record WHERE stream_id = ? AND kind = 'hold' AND seq > ? AND seq < ? ORDER BY seq"
NEWEST = """
SELECT latest.at, record.stream_id, record.seq FROM latest JOIN record ON record.id = latest.record_id
WHERE latest.subject_id = ? AND latest.agent_id = ?
"""


def held_for(hold: Hold, at: int, key: str) -> HeldFor:
    """What a hold at corrected time `at` says of one position. Within a boot, lengths are exact."""
    held = hold.held[key]
    return HeldFor(at - (hold.clock.boot - hold.since), at, held.good, held.failed)


def late_hold(link: Link, past: Past, agent_id: int, place: Place, seq: int, held: HeldFor) -> None:
    """Add a hold to the state it follows by number, if that has come."""
    found = before(link, past, seq, BEFORE, place.subject_id)
    if not found:
        return  # that state will find this hold in the log when it comes
    record_id, _, _, at, _ = found[0]
    rows = link.rows("SELECT start_at, end_at, good, failed FROM attested WHERE record_id = ?", record_id)
    stretches = merge([Stretch(*row) for row in rows], held, place.hole, at)
    _replace(link, record_id, agent_id, place.subject_id, stretches)


def late_state(link: Link, past: Past, agent_id: int, place: Place, key: str, record_id: int) -> None:
    """Give a state the holds that follow it, and take them from the state before it."""
    own = link.rows("SELECT id, stream_id, seq, at, body FROM record WHERE id = ?", record_id)[0]
    _, _, seq, at, body = own
    for earlier in before(link, past, seq, BEFORE, place.subject_id):
        _fold(link, agent_id, place, key, earlier)
    stretches = _fold(link, agent_id, place, key, own)
    newest = link.rows(NEWEST, place.subject_id, agent_id)
    if newest:
        newest_at, newest_stream, newest_seq = newest[0]
        related = in_past(past, newest_stream, newest_seq)
        if newest_seq > seq if related else (newest_at, newest_stream) >= (at, own[1]):
            return
    answered = msgspec.msgpack.decode(body, type=State).failure is None
    link.run("DELETE FROM latest WHERE subject_id = ? AND agent_id = ?", place.subject_id, agent_id)
    link.run(
        "INSERT INTO latest (subject_id, agent_id, record_id, at, held_to, answered) VALUES (?, ?, ?, ?, ?, ?)",
        *(place.subject_id, agent_id, record_id, at, stretches[-1].end, answered),
    )


def _fold(link: Link, agent_id: int, place: Place, key: str, state: Row) -> list[Stretch]:
    record_id, stream_id, seq, at, body = state
    answered = msgspec.msgpack.decode(body, type=State).failure is None
    held: list[HeldFor] = []
    for hold_at, hold_body in _holds(link, stream_id, place.subject_id, seq):
        hold = msgspec.msgpack.decode(hold_body, type=Hold)
        if key in hold.held:
            held.append(held_for(hold, hold_at, key))
    stretches = fold(at, held, place.hole, answered=answered)
    _replace(link, record_id, agent_id, place.subject_id, stretches)
    return stretches


def _holds(link: Link, stream_id: int, subject_id: int, seq: int) -> list[Row]:
    """What follows a state up to the next one of its subject, also in the streams that go on from its own."""
    following = link.rows(AFTER, stream_id, subject_id, seq)[0][0]
    until = following if following is not None else END
    rows = link.rows(HOLDS, stream_id, seq, until)
    for follower, first in followers(link, stream_id):
        if seq < first <= until:
            rows += _holds(link, follower, subject_id, first - 1)
    return rows


def _replace(link: Link, record_id: int, agent_id: int, subject_id: int, stretches: list[Stretch]) -> None:
    link.run("DELETE FROM attested WHERE record_id = ?", record_id)
    rows = [(record_id, one.start, one.end, subject_id, agent_id, one.good, one.failed) for one in stretches]
    link.put(ATTESTED, rows)
    link.run(
        "UPDATE latest SET held_to = ? WHERE subject_id = ? AND agent_id = ? AND record_id = ?",
        *(stretches[-1].end, subject_id, agent_id, record_id),
    )
