"""Silences that the server itself explains: it lets the agent not in, or another PC waits to take its place.

Nothing of it is kept with a condition. It is looked up when one is shown, so a quarantine that comes after the silence
is its cause at once, and one that is lifted is no cause any more.
"""

from collections import defaultdict
from collections.abc import Iterable

from sqlmodel import Session, col, select

from server.agents.kept_out import HELD_OFF
from server.agents.tables import KeptOut
from server.events.publish import invalidate
from server.health.rules import SILENT, Rules, load
from server.health.state import MINUTE
from server.health.tables import Condition
from server.health.titles import cause_title, condition_title, fault_class
from server.inventory.tables import Subject
from server.journal.deeds import Act
from server.schemas.agents import IdentityStanding
from server.schemas.tickets import Fault
from server.texts import gettext_for
from server.tickets.deeds import explain

GUESSES = ("pcOff", "unknown")  # causes of a silence that no evidence names
COMES_BACK = 10 * MINUTE  # who was held off asks again within five, and tells a minute later at most
EVIDENT = ("line", "power")  # those it names; other causes say why a condition was closed


def kept_out_of(session: Session, conditions: Iterable[Condition]) -> dict[int, IdentityStanding]:
    """Of conditions, those that the identity of the agent explains: by id.

    Of one that is open, as the identity stands now; of one that is over, as it stood until the agent came back.
    """
    silences = [one for one in conditions if one.rule == SILENT]
    known = _known(session, {one.subject_id for one in silences})
    found: dict[int, IdentityStanding] = {}
    for one in silences:
        for row in known.get(one.subject_id, []):
            if _explains(row.why, one) and _held(row, one):
                found[one.id or 0] = row.why
    return found


def _known(session: Session, agents: set[int]) -> dict[int, list[KeptOut]]:
    """By agent, the oldest first."""
    found: dict[int, list[KeptOut]] = defaultdict(list)
    if agents:
        asked = select(KeptOut).where(col(KeptOut.agent_id).in_(agents))
        for row in session.exec(asked.order_by(col(KeptOut.start), col(KeptOut.id))):
            found[row.agent_id].append(row)
    return found


def _explains(why: IdentityStanding, one: Condition) -> bool:
    return one.cause in GUESSES or (why in HELD_OFF and one.cause in EVIDENT)


def _held(row: KeptOut, one: Condition) -> bool:
    if one.closed_at is None:
        return row.end is None
    since = max(one.opened_at, one.closed_at - COMES_BACK)
    return row.start < one.closed_at and (row.end is None or row.end > since)


def titled(name: str, one: Condition, why: IdentityStanding | None, rules: Rules) -> tuple[str, Fault]:
    """The title and the class of the ticket of a condition on the subject of that name."""
    title = f"{name} {condition_title(one.rule, one.part, one.word, 'zh', rules)}"
    if why is None:
        return title, fault_class(one.rule, one.part, one.word)
    return f"{title} ({cause_title(why.value, 'zh')})", Fault.SOFTWARE


def blame_anew(session: Session, act: Act, agent: Subject, was: IdentityStanding | None) -> None:
    """An agent is kept out otherwise than before. If it is silent, its ticket is told, and screens ask again."""
    asked = select(Condition).where(
        Condition.subject_id == agent.id, Condition.rule == SILENT, col(Condition.closed_at).is_(None)
    )
    silence = session.exec(asked).first()
    if silence is None:
        return
    why, rules = kept_out_of(session, [silence]).get(silence.id or 0), load(session)
    plain = titled(agent.name, silence, None, rules)[0]
    title, fault = titled(agent.name, silence, why, rules)
    _ = gettext_for("zh")
    if why is not None:
        text = _("Why it is silent: {cause}").format(cause=cause_title(why.value, "zh"))
        explain(session, act, silence, agent, was=plain, title=title, fault=fault, text=text)
    elif was is not None and _explains(was, silence):
        text = _("No longer why it is silent: {cause}").format(cause=cause_title(was.value, "zh"))
        explain(session, act, silence, agent, was=plain, title=title, fault=fault, text=text)
    invalidate(session, "condition", agent.key, agent.branch_id, act.now)
