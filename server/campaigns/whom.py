"""Which hosts a campaign asks, and which agent asks each."""

from collections import defaultdict
from ipaddress import ip_address
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import Scoped, known_branch
from server.checks.bank import Bank
from server.checks.check import Check
from server.checks.judging import Judge, Word
from server.checks.language import BadExpression, Expression
from server.checks.sheets import DAY, Host, fact
from server.checks.told import hosts, sheets_of
from server.checks.words import Text
from server.errors import Invalid, NotFound
from server.exemptions.granted import AGENT
from server.inventory.tables import Branch, Observer, Position, Subject, SubjectKind
from server.schemas.campaigns import CampaignCreate

AS_OF: Final = 366 * DAY  # facts that say where a host belongs are taken however old they are
MODEL: Final = "machine.model"
AT_ONCE = 500  # ids of one question


class Asked(NamedTuple):
    """A host, and the agent that is to ask it; None: no agent does."""

    subject_id: int
    key: str
    branch_id: int
    agent_id: int | None


def whom(session: Session, viewer: Scoped, ask: CampaignCreate, bank: Bank, now: int) -> list[Asked]:
    """Every host all limits leave. Where facts must say it, those of which it is not known are asked too."""
    known_branch(session, viewer, ask.branch or None)
    rows = _rows(session, set(hosts(session)))
    if ask.branch:
        below = _below(session, ask.branch)
        rows = [row for row in rows if row.branch_id in below]
    if ask.cls:
        rows = [row for row in rows if _cls(row) == ask.cls]
    return _asked(session, _of_facts(session, rows, ask, bank, now))


def asked_branches(session: Session, ask: CampaignCreate, asked: list[Asked]) -> set[int]:
    """Whose people answer a template's items: every branch of the scope, with hosts or without. Where the hosts are
    narrowed down by what they are, the branches of these."""
    if ask.cls or ask.model or ask.zone or ask.query:
        return {host.branch_id for host in asked}
    if ask.branch:
        return _below(session, ask.branch)
    there = select(col(Subject.id)).where(col(Subject.kind) == SubjectKind.BRANCH, col(Subject.removed_at).is_(None))
    return set(session.execute(there).scalars())


def everybody(session: Session) -> list[Asked]:
    return _asked(session, _rows(session, set(hosts(session))))


def _asked(session: Session, wanted: "list[_Row]") -> list[Asked]:
    askers = _askers(session, [row.id for row in wanted if row.kind is SubjectKind.POSITION])
    return [
        Asked(row.id, row.key, row.branch_id, row.id if row.kind is SubjectKind.AGENT else askers.get(row.id))
        for row in wanted
    ]


class _Row(NamedTuple):
    id: int
    kind: SubjectKind
    key: str
    branch_id: int
    cls: str | None


def _cls(row: _Row) -> str | None:
    return AGENT if row.kind is SubjectKind.AGENT else row.cls


def _rows(session: Session, wanted: set[int]) -> list[_Row]:
    asked = (
        select(*map(col, (Subject.id, Subject.kind, Subject.key, Subject.branch_id, Position.cls)))
        .outerjoin(Position, col(Position.id) == col(Subject.id))
        .where(col(Subject.removed_at).is_(None), col(Subject.kind).in_((SubjectKind.AGENT, SubjectKind.POSITION)))
        .order_by(col(Subject.key))
    )
    return [_Row(*row) for row in session.execute(asked) if row[0] in wanted]


def _below(session: Session, code: str) -> set[int]:
    """The branch and all that are below it."""
    own = select(col(Subject.id)).where(col(Subject.kind) == SubjectKind.BRANCH, col(Subject.key) == code)
    tree = own.cte("tree", recursive=True)
    tree = tree.union(select(col(Branch.id)).join(tree, col(Branch.parent_id) == tree.c.id))
    return set(session.execute(select(tree.c.id)).scalars())


def _of_facts(session: Session, rows: list[_Row], ask: CampaignCreate, bank: Bank, now: int) -> list[_Row]:
    """Those by model, zone and query. A host that cannot be told apart is asked: to leave it out would hide it."""
    if ask.zone and ask.zone not in {name for name, _ in bank.zones}:
        known = ", ".join(sorted({name for name, _ in bank.zones})) or "—"
        raise NotFound("There is no zone {zone} in checks/bank.toml; there is: {known}.", zone=ask.zone, known=known)
    query = _query(ask.query, bank, now) if ask.query else None
    if not (ask.model or ask.zone or query):
        return rows
    sheets = sheets_of(session, [row.id for row in rows])
    found = []
    for row in rows:
        host = Host(row.key, sheets.get(row.id, {}))
        model = fact(host, MODEL, now, AS_OF)
        if ask.model and isinstance(model, str) and ask.model.casefold() not in model.casefold():
            continue
        if ask.zone and ask.zone not in (_zones(host, bank, now) or {ask.zone}):
            continue
        if query and query.verdict(host).word is Word.NOT_APPLICABLE:
            continue
        found.append(row)
    return found


def _zones(host: Host, bank: Bank, now: int) -> set[str]:
    """The zones its addresses are in, "" for those in none; nothing where no address is known."""
    said = fact(host, "addresses", now, AS_OF)
    found = set()
    for address in said if isinstance(said, tuple) else ():
        try:
            found.add(bank.zone(ip_address(address.partition("%")[0].partition("/")[0])) or "")
        except ValueError:
            continue
    return found


def _query(text: str, bank: Bank, now: int) -> Judge:
    """A check that applies to those that are meant."""
    try:
        applies, passes = Expression(text), Expression("true")
    except BadExpression as bad:
        raise Invalid("{why}", why=bad) from bad
    steps = {"zh": ("",), "en": ("",)}
    return Judge(Check("query", Text("", ""), "", "minor", applies, passes, AS_OF, steps), bank, now)


def _askers(session: Session, positions: list[int]) -> dict[int, int]:
    """Of each position the first of the agents that poll it."""
    agent = aliased(Subject)
    found: dict[int, list[int]] = defaultdict(list)
    for start in range(0, len(positions), AT_ONCE):
        asked = (
            select(col(Observer.subject_id), col(Observer.agent_id))
            .join(agent, col(agent.id) == col(Observer.agent_id))
            .where(col(Observer.subject_id).in_(positions[start : start + AT_ONCE]), col(agent.removed_at).is_(None))
        )
        for position, own in session.execute(asked):
            found[position].append(own)
    return {position: min(agents) for position, agents in found.items()}
