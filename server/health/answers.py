"""What people were told on the telephone, as evidence: of a branch that is silent, why.

Nothing of it is kept with a condition. It is looked up when one is shown or counted, so contrary evidence, which
the rows of agents, lines and supplies are, undoes it by being there.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import func, select
from sqlmodel import Session, col

from server.agents.kept_out import HELD_OFF
from server.agents.tables import KeptOut
from server.entries.tables import AnswerRow
from server.health.rules import LEAST_SILENCE, SILENT, STALE
from server.health.state import MINUTE, Evidence, State
from server.health.tables import Condition, HealthRow
from server.ingest.tables import AgentSeen
from server.inventory.tables import Subject, SubjectKind
from server.schemas.agents import IdentityStanding
from server.schemas.entries import Answer
from server.schemas.standing import Standing

LINE_DOWN, DEVICE = "line.down", "device.fault"
QUIET = ("offline", "powerOff")  # words of a device that gives no answer
EARLY = 30 * MINUTE  # people call before the server notices
ANSWERS = {
    Answer.POWER: "the mains are off",
    Answer.LINE: "the line is cut",
    Answer.CLOSED: "it was switched off",
}


class Voice(NamedTuple):
    """An agent that is heard: without a break since `since`, last at `last`, both the server's clock in µs."""

    agent: str
    since: int
    last: int


def heard_now(session: Session, branch: int, now: int) -> Voice | None:
    """The agent of a branch that was heard last, if that is so lately that nobody can call the branch silent."""
    off = select(col(KeptOut.agent_id)).where(col(KeptOut.why).in_(HELD_OFF), col(KeptOut.end).is_(None))
    asked = (
        select(col(Subject.key), col(AgentSeen.at), col(HealthRow.state))
        .join(AgentSeen, col(AgentSeen.agent_id) == col(Subject.id))
        .join(HealthRow, col(HealthRow.subject_id) == col(Subject.id))
        .where(
            col(Subject.branch_id) == branch,
            col(Subject.removed_at).is_(None),
            col(Subject.id).not_in(off),
            col(HealthRow.standing) != Standing.CLOSED,
            col(AgentSeen.at) > now - LEAST_SILENCE,
        )
        .order_by(col(AgentSeen.at).desc())
    )
    found = session.execute(asked.limit(1)).first()
    if found is None:
        return None
    agent, last, state = found
    return Voice(agent, min(last, msgspec.convert(state, State).steady or last), last)


def told_of(session: Session, conditions: Iterable[tuple[Condition, int]]) -> dict[int, AnswerRow]:
    """Of conditions, each with its branch, those that an answer explains: by id."""
    silent = [(one, branch) for one, branch in conditions if _is_silence(one)]
    answers = _answers(session, {branch for _, branch in silent})
    against = _Against(session, set(answers)) if answers else None
    found: dict[int, AnswerRow] = {}
    for one, branch in silent:
        until = one.closed_at
        said = [
            answer
            for answer in answers.get(branch, [])
            if one.opened_at - EARLY <= answer.at and (until is None or answer.at <= until)
        ]
        if not said or (one.cause == "line" and said[-1].answer is not Answer.POWER):
            continue  # a probe that had no answer is no opinion; what cut the line may be the mains
        if until is not None or (against is not None and not against.speaks(branch, said[-1])):
            found[one.id or 0] = said[-1]
    return found


def told_of_unheard(session: Session, branches: Iterable[int]) -> dict[int, AnswerRow]:
    """Of branches that something never reported from, what was said last, unless something answered since: by branch.

    Nobody can miss what was never heard, so no condition is there that the answer could explain.
    """
    last = {branch: said[-1] for branch, said in _answers(session, set(branches)).items()}
    if not last:
        return {}
    against = _Against(session, set(last))
    asked = (
        select(col(Subject.branch_id), func.max(col(HealthRow.seen_at)))
        .join(HealthRow, col(HealthRow.subject_id) == col(Subject.id))
        .where(col(Subject.branch_id).in_(last), col(Subject.removed_at).is_(None))
        .where(col(Subject.kind) == SubjectKind.POSITION, col(HealthRow.device).not_in(QUIET))
        .group_by(col(Subject.branch_id))
    )
    answered = {branch: at or 0 for branch, at in session.execute(asked)}
    return {
        branch: said
        for branch, said in last.items()
        if answered.get(branch, 0) <= said.at and not against.speaks(branch, said)
    }


def held_off(session: Session, branch: int) -> tuple[str, IdentityStanding] | None:
    """The agent of a branch that the server lets not in, and why: that is the cause of its silence all the same."""
    asked = (
        select(col(Subject.key), col(KeptOut.why))
        .join(KeptOut, col(KeptOut.agent_id) == col(Subject.id))
        .where(col(Subject.branch_id) == branch, col(Subject.removed_at).is_(None))
        .where(col(KeptOut.why).in_(HELD_OFF), col(KeptOut.end).is_(None))
        .order_by(col(Subject.key))
    )
    found = session.execute(asked).first()
    return (found[0], IdentityStanding(found[1])) if found else None


def _is_silence(one: Condition) -> bool:
    if one.cause == "power":
        return False  # a supply said so itself
    return one.rule in (SILENT, STALE, LINE_DOWN) or (one.rule == DEVICE and one.word in QUIET)


def _answers(session: Session, branches: set[int]) -> dict[int, list[AnswerRow]]:
    """By branch, the oldest first."""
    found: dict[int, list[AnswerRow]] = defaultdict(list)
    asked = select(AnswerRow).where(col(AnswerRow.branch_id).in_(branches))
    for row in session.execute(asked.order_by(col(AnswerRow.at), col(AnswerRow.id))).scalars():
        found[row.branch_id].append(row)
    return found


class _Against:
    """What was seen of branches that answers were given of."""

    def __init__(self, session: Session, branches: set[int]) -> None:
        heard = (
            select(col(Subject.branch_id), func.max(col(AgentSeen.at)))
            .join(Subject, col(Subject.id) == col(AgentSeen.agent_id))
            .where(col(Subject.branch_id).in_(branches))
            .group_by(col(Subject.branch_id))
        )
        self._heard = {branch: at for branch, at in session.execute(heard)}  # noqa: C416  (rows are not pairs to mypy)
        rows = select(col(HealthRow.subject_id), col(HealthRow.state)).where(col(HealthRow.subject_id).in_(branches))
        self._evidence = {own: msgspec.convert(state, Evidence) for own, state in session.execute(rows)}
        well = {int(own) for one in self._evidence.values() for own in (*one.lines, *one.power)}
        seen = select(col(HealthRow.subject_id), col(HealthRow.seen_at)).where(col(HealthRow.subject_id).in_(well))
        self._seen = {own: at or 0 for own, at in session.execute(seen)}

    def speaks(self, branch: int, said: AnswerRow) -> bool:
        """Whether since then its agent spoke, or the supply or the line was seen to be well."""
        if self._heard.get(branch, 0) > said.at:
            return True
        evidence = self._evidence.get(branch, Evidence())
        watches = {Answer.POWER: evidence.power, Answer.LINE: evidence.lines}.get(said.answer, {})
        return any(not watch.bad and self._seen.get(int(own), 0) > said.at for own, watch in watches.items())
