"""After the server's own clock was set back: what health remembers is of no later time than now.

Judged as it was, all that comes would be history that came late, and what was seen last would be fresh, as long as the
clock had been ahead. Conditions keep their times: what was written down is never rewritten.
"""

from collections.abc import Callable

import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, select

from server.health.shards import Part
from server.health.state import MINUTE, Evidence, Open, Pending, State, View, Watch, dump
from server.health.tables import HealthRow, VoiceRow
from server.ingest.tables import AgentSeen
from server.inventory.tables import Subject, SubjectKind

AT_ONCE = 1000  # rows of one transaction

Back = Callable[[int], int]


def rows_set_back(session: Session, part: Part, now: int, after: int) -> int:
    """Put the next rows of health right whose subject is beyond `after`; the last of them, 0 if there was none."""
    asked = (
        select(HealthRow.subject_id, HealthRow.state, Subject.kind)
        .join(Subject, col(Subject.id) == HealthRow.subject_id)
        .where(HealthRow.subject_id > after, col(HealthRow.seen_at).is_(None) | (col(HealthRow.seen_at) > now))
        .where(*part.mine())
        .order_by(col(HealthRow.subject_id))
        .limit(AT_ONCE)
    )
    found = session.exec(asked).all()
    for subject, plain, kind in found:
        if kind is SubjectKind.BRANCH:
            values: dict[str, object] = {"state": dump(evidence_set_back(msgspec.convert(plain, Evidence), now))}
        else:
            state = state_set_back(msgspec.convert(plain, State), now)
            seen_at = state.heard or state.seen_at
            values = {
                "state": dump(state),
                "since": state.since,
                "fresh_until": state.fresh_until,
                "seen_at": seen_at,
                "due_at": state.due,
            }
        session.execute(update(HealthRow).where(col(HealthRow.subject_id) == subject).values(**values))
    return found[-1][0] if found else 0


def voices_set_back(session: Session, shards: frozenset[int], now: int) -> None:
    """The same of agents of other shards."""
    for row in session.exec(select(VoiceRow).where(col(VoiceRow.shard).in_(sorted(shards)))):
        state = state_set_back(msgspec.convert(row.state, State), now)
        row.state, row.due_at = dump(state), state.due
        session.add(row)


def heard_set_back(session: Session, now: int) -> None:
    """Nobody was heard later than now: a branch whose agent is silent may be called so."""
    later = col(AgentSeen.at) > now
    session.execute(update(AgentSeen).where(later).values(at=_to(now)(now + 1)))


def state_set_back(state: State, now: int) -> State:
    """The same, of no later time. It is judged at once, and what comes from a minute ago on is newer."""
    back = _to(now)
    fresh_until = max((_view(view, back).fresh_to for view in state.views.values()), default=state.fresh_until)
    return msgspec.structs.replace(
        state,
        since=back(state.since),
        views={agent: _view(view, back) for agent, view in state.views.items()},
        ahead={},
        pending={key: _pending(one, back) for key, one in state.pending.items()},
        open={key: _open(one, back) for key, one in state.open.items()},
        ends={key: [back(at) for at in times] for key, times in state.ends.items()},
        fresh_until=fresh_until - (state.heard - back(state.heard)),
        due=None if state.due is None else min(state.due, now),
        heard=back(state.heard),
        told=back(state.told),
        steady=back(state.steady),
        stamp=None if state.stamp is not None and state.stamp.at > now else state.stamp,
    )


def evidence_set_back(evidence: Evidence, now: int) -> Evidence:
    """The same; what was fresh beyond now has to be seen again."""
    back = _to(now)

    def watches(known: dict[str, Watch]) -> dict[str, Watch]:
        return {own: Watch(one.bad, back(one.since), back(one.fresh_until)) for own, one in known.items()}

    return Evidence(
        lines=watches(evidence.lines),
        power=watches(evidence.power),
        cut_ended=back(evidence.cut_ended),
        power_ended=back(evidence.power_ended),
    )


def _to(now: int) -> Back:
    return lambda at: at if at <= now else now - MINUTE


def _view(view: View, back: Back) -> View:
    held_to = back(view.held_to)
    return msgspec.structs.replace(
        view,
        at=back(view.at),
        held_to=held_to,
        fresh_to=view.fresh_to - (view.held_to - held_to),
        tested=view.tested and msgspec.structs.replace(view.tested, at=back(view.tested.at)),
    )


def _pending(one: Pending, back: Back) -> Pending:
    known = None if one.known is None else back(one.known)
    return msgspec.structs.replace(one, began=back(one.began), known=known)


def _open(one: Open, back: Back) -> Open:
    ended = None if one.ended is None else back(one.ended)
    known = None if one.known is None else back(one.known)
    return msgspec.structs.replace(one, began=back(one.began), ended=ended, known=known)
