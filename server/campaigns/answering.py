"""Settles hosts of a campaign whose orders have ended: judged from the facts that came, or given up for a reason."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, delete, insert, select, update
from sqlmodel import Session, col

from server.campaigns.anew import told_anew
from server.campaigns.asked import check_of
from server.campaigns.reasons import NO_FACTS, of_driver, of_order
from server.campaigns.tables import Campaign, HostRow, VerdictRow
from server.checks.answers import as_of
from server.checks.bank import Bank
from server.checks.judging import Judge, Word
from server.checks.kept import Kept
from server.checks.mending import steps
from server.checks.sheets import Host, Sheet
from server.checks.told import Sheets, sheets_of
from server.facts.follower import NAME as FACTS
from server.facts.posted import DRIVER as POSTED
from server.facts.tables import FactSheet as FactRow
from server.health.tables import Follower
from server.ingest.tables import RecordRow
from server.inventory.tables import Position, Subject
from server.orders.reasons import Reason
from server.orders.tables import OPEN, AgentOrder
from server.registers.machine import of_campaign
from server.schemas.campaigns import HostState, Undone
from server.schemas.orders import OrderState

AT_ONCE: Final = 200  # hosts of one transaction
OPEN_WORDS: Final = (Word.FAIL, Word.UNKNOWN, Word.EXEMPT)
WORST: Final = (Word.FAIL, Word.UNKNOWN, Word.EXEMPT, Word.PASS, Word.NOT_APPLICABLE)

_ORDERS: Final = (
    AgentOrder.uid,
    AgentOrder.agent_id,
    AgentOrder.state,
    AgentOrder.answered,
    AgentOrder.why,
    AgentOrder.said,
)
_LINE: Any = (*map(col, (*_ORDERS, AgentOrder.heard_at, AgentOrder.ended_at, AgentOrder.result)),)


class Due(NamedTuple):
    hosts: list[int]
    put_off: bool  # there are more, whose facts are not read yet, or whose turn it is next


def due(session: Session, campaign: Campaign, now: int, *, late: bool, limit: int = AT_ONCE) -> Due:
    """Hosts whose order has ended, and whose facts, if any came, are kept. `late`: also those that were settled, and
    whose order ended in another way since. A host that tells by itself is waited for until the campaign expires or is
    cancelled."""
    asked = (
        select(col(HostRow.id), col(HostRow.subject_id))
        .join(AgentOrder, col(AgentOrder.uid) == col(HostRow.order))
        .where(col(HostRow.campaign_id) == campaign.id, col(AgentOrder.state).not_in(OPEN))
    )
    if late:
        asked = asked.where(
            (col(HostRow.seen) != col(AgentOrder.state)) | (col(HostRow.heard) != col(AgentOrder.answered))
        )
    else:
        asked = asked.where(col(HostRow.state) == HostState.WAITING)
    behind = _behind(session)
    by_itself = session.execute(_by_itself(campaign)).all()
    if told := [own for own, subject, told in by_itself if told and subject not in behind]:
        return Due(told[:limit], True)
    if now < campaign.expires and campaign.cancelled_by is None:
        behind |= {subject for _, subject, _ in by_itself}
    most = limit + len(behind)
    rows = session.execute(asked.order_by(col(HostRow.id)).limit(most)).all()
    ready = [own for own, subject in rows if subject not in behind][:limit]
    return Due(ready, len(ready) < len(rows) or len(rows) == most)


def waits_by_itself(session: Session, campaign: Campaign) -> bool:
    """Whether a host that nobody can ask is still to tell: also after the push has ended."""
    return session.execute(_by_itself(campaign).limit(1)).first() is not None


def _by_itself(campaign: Campaign) -> Any:
    """The hosts of a campaign that nobody can ask and that wait, and whether they told since it began: by a post or a
    stick, whatever becomes of the order."""
    told = select(col(FactRow.subject_id)).where(
        col(FactRow.subject_id) == col(HostRow.subject_id), col(FactRow.at) >= campaign.starts
    )
    return (
        select(col(HostRow.id), col(HostRow.subject_id), told.exists())
        .join(Position, col(Position.id) == col(HostRow.subject_id))
        .where(
            col(HostRow.campaign_id) == campaign.id,
            col(HostRow.state) == HostState.WAITING,
            col(HostRow.order) != "",
            col(Position.driver) == POSTED,
        )
    )


def due_monthly(session: Session, campaign: Campaign, limit: int = AT_ONCE) -> Due:
    """Hosts of a monthly list that are not judged yet. Nobody is waited for."""
    asked = select(col(HostRow.id)).where(
        col(HostRow.campaign_id) == campaign.id, col(HostRow.state) == HostState.WAITING
    )
    rows = session.execute(asked.order_by(col(HostRow.id)).limit(limit)).scalars().all()
    return Due(list(rows), len(rows) == limit)


def _behind(session: Session) -> set[int]:
    """Hosts of which facts arrived that are not among their sheets yet."""
    follower = session.get(Follower, FACTS)
    read = follower.cursor if follower else 0
    asked = select(col(RecordRow.subject_id)).where(col(RecordRow.kind) == "fact", col(RecordRow.id) > read)
    return {subject for subject in session.execute(asked.distinct()).scalars() if subject is not None}


def settle(session: Session, campaign: Campaign, hosts: Sequence[int], kept: Kept, bank: Bank, now: int) -> None:
    """Write what came of these hosts."""
    asked = (
        select(col(HostRow.id), col(HostRow.subject_id), col(Subject.key), col(Position.driver), *_LINE)
        .outerjoin(Position, col(Position.id) == col(HostRow.subject_id))
        .join(Subject, col(Subject.id) == col(HostRow.subject_id))
        .join(AgentOrder, col(AgentOrder.uid) == col(HostRow.order))
        .where(col(HostRow.id).in_(hosts))
    )
    rows = session.execute(asked).all()
    done = {row.subject_id: row for row in rows if row.state == OrderState.DONE}
    sheets = sheets_of(session, [row.subject_id for row in rows if row.subject_id in done or row.driver == POSTED])
    anew = told_anew(session, done) | _posted(rows, sheets, campaign)
    judges = [(check["id"], _judge(check, kept, bank, now)) for check in campaign.checks]
    settled: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    for row in rows:
        said = {"id": row.id, "seen": row.state.value, "heard": row.answered, "at": row.ended_at or now}
        # what was told before answers nothing: nobody looked again
        told = {
            topic: sheet if (row.subject_id, topic) in anew else Sheet(sheet.at, {}, {})
            for topic, sheet in sheets.get(row.subject_id, {}).items()
        }
        if reason := _given_up(row, campaign, told=any((row.subject_id, topic) in anew for topic in told)):
            settled.append({**said, "state": HostState.UNDONE, "word": "", **reason})
            continue
        host = Host(row.key, told)
        judged = [_judged(row.id, check, judge, host) for check, judge in judges]
        worst = min((Word(one["word"]) for one in judged), key=WORST.index)
        blank = {"reason": "", "detail": "", "said": "", "since": None}
        settled.append({**said, "state": HostState.ANSWERED, "word": worst.value, **blank})
        verdicts += judged
    session.execute(delete(VerdictRow).where(col(VerdictRow.host_id).in_([row["id"] for row in settled])))
    session.execute(update(HostRow), settled)
    if verdicts:
        session.execute(insert(VerdictRow), verdicts)
    of_campaign(session, campaign, now, [row["id"] for row in settled])


def settle_monthly(
    session: Session, campaign: Campaign, hosts: Sequence[int], kept: Kept, bank: Bank, now: int
) -> None:
    """Judge these hosts by what they told last: what is too old is not known, with its age. Only what is open is kept,
    as nobody looks up here what was well."""
    asked = select(col(HostRow.id), col(HostRow.subject_id), col(Subject.key))
    rows = session.execute(
        asked.join(Subject, col(Subject.id) == col(HostRow.subject_id)).where(col(HostRow.id).in_(hosts))
    ).all()
    sheets = sheets_of(session, [row.subject_id for row in rows])
    judges = [(check["id"], _judge(check, kept, bank, now)) for check in campaign.checks]
    settled: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    for row in rows:
        host = Host(row.key, sheets.get(row.subject_id, {}))
        judged = [_judged(row.id, check, judge, host) for check, judge in judges]
        worst = min((Word(one["word"]) for one in judged), key=WORST.index, default=Word.UNKNOWN)
        settled.append({"id": row.id, "state": HostState.ANSWERED, "word": worst.value, "at": now})
        verdicts += [one for one in judged if Word(one["word"]) in OPEN_WORDS]
    session.execute(update(HostRow), settled)
    if verdicts:
        session.execute(insert(VerdictRow), verdicts)


def _posted(rows: Sequence[Row[Any]], sheets: dict[int, Sheets], campaign: Campaign) -> set[tuple[int, str]]:
    """Of hosts that post what they are by themselves, whoever asks: what they posted since the campaign began."""
    posted = {row.subject_id for row in rows if row.driver == POSTED}
    return {
        (host, topic)
        for host in posted & sheets.keys()
        for topic, sheet in sheets[host].items()
        if sheet.at >= campaign.starts
    }


def _given_up(row: Row[Any], campaign: Campaign, *, told: bool) -> dict[str, Any]:
    """Why there is nothing to judge; nothing where there is."""
    if row.driver == POSTED and told:
        return {}
    if row.driver == POSTED and campaign.cancelled_by is not None:
        return {"reason": Undone.CANCELLED.value, "detail": Reason.WITHDRAWN.value, "said": "", "since": None}
    if row.state != OrderState.DONE:
        said = {"detail": row.why, "said": row.said, "since": row.heard_at}
        return {"reason": of_order(row.state, row.why).value, **said}
    word = row.result.get("polls", {}).get(row.key, "")
    if word:
        return {"reason": of_driver(word).value, "detail": word, "said": "", "since": None}
    if not told:
        return {"reason": Undone.UNREADABLE_OUTPUT.value, "detail": NO_FACTS, "said": "", "since": None}
    return {}


def _judge(asked: dict[str, str], kept: Kept, bank: Bank, now: int) -> Judge | None:
    check = check_of(asked, kept)
    return Judge(check, bank, now) if check else None


def _judged(host_id: int, check: str, judge: Judge | None, host: Host) -> dict[str, Any]:
    if judge is None:
        told = {"zh": {"why": ["检查项已被删除"], "mend": []}, "en": {"why": ["the check was taken away"], "mend": []}}
        return {"host_id": host_id, "check_id": check, "word": Word.UNKNOWN.value, "told": told, "at": None}
    verdict = judge.verdict(host)
    told = {
        lang: {"why": [line.of(lang) for line in verdict.why], "mend": steps(judge.check, verdict, lang)}
        for lang in ("zh", "en")
    }
    at = as_of(judge.check, host)
    return {"host_id": host_id, "check_id": check, "word": verdict.word.value, "told": told, "at": at}
