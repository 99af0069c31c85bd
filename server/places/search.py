"""Which positions are asked for: filters, order, and how one statement says them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    Text,
    case,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.health.standing import rank_now, stands
from server.health.tables import HealthRow
from server.inventory.tables import DeviceClass, Position, Subject, SubjectKind
from server.ledger.search import field
from server.ledger.tables import Card, CardVersion
from server.schemas.base import Coverage
from server.schemas.standing import FRESH, Standing
from server.storage.types import FOREVER

Home = aliased(Subject, name="home")

Sort = Literal["worst", "name", "branch", "seen", "since"]


FEW = 500  # ids named in a statement; more are left to a subquery


@dataclass(frozen=True)
class Asked:
    """Which positions, in which order. `device` narrows to a device word: "offline"; `keys`, if any, to these."""

    keys: Sequence[str] = ()
    branch: str | None = None
    q: str = ""
    standings: Sequence[Standing] = ()
    device: str | None = None
    cls: str | None = None
    sort: Sort = "worst"


def find(session: Session, viewer: Scoped, asked: Asked, now: int, offset: int, limit: int) -> list[int]:
    """The ids of one stretch of the list, in its order."""
    statement = _from(select(col(Position.id)), asked).where(*_conditions(session, viewer, asked, now))
    statement = statement.order_by(*_order(asked.sort, now)).offset(offset).limit(limit)
    return list(session.execute(statement).scalars())


def count(session: Session, viewer: Scoped, asked: Asked, now: int) -> tuple[int, Coverage]:
    """How many match, and the coverage of the places asked for, whatever standing is shown of them."""
    statement = _from(
        select(
            _sum(_shown(asked, now)),
            _sum(col(Position.driver).is_not(None)),
            _sum(stands(now, *FRESH)),
            *(_sum(stands(now, word)) for word in (Standing.NEVER, Standing.UNKNOWN, Standing.CLOSED)),
        ),
        asked,
    ).where(*_places(session, viewer, asked))
    total, due, fresh, never, unknown, closed = session.execute(statement).one()
    return total, Coverage(due=due, fresh=fresh, never=never, unknown=unknown, closed=closed)


def _sum(condition: ColumnElement[bool] | None) -> ColumnElement[int]:
    return func.count() if condition is None else func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _from(statement: Select[*tuple[Any, ...]], asked: Asked) -> Select[*tuple[Any, ...]]:
    """Only the tables that are needed: at 100,000 positions each join is felt."""
    source: FromClause = Position.__table__  # type: ignore[attr-defined]
    subject, health = _table(Subject), _table(HealthRow)
    source = source.join(subject, col(Subject.id) == col(Position.id))
    source = source.outerjoin(health, col(HealthRow.subject_id) == col(Position.id))
    if asked.sort == "branch":
        source = source.join(Home, col(Home.id) == col(Subject.branch_id))
    return statement.select_from(source)


def _table(kind: Any) -> FromClause:
    table: FromClause = kind.__table__
    return table


def _conditions(session: Session, viewer: Scoped, asked: Asked, now: int) -> list[ColumnElement[bool]]:
    shown = _shown(asked, now)
    return [*_places(session, viewer, asked), *([] if shown is None else [shown])]


def _shown(asked: Asked, now: int) -> ColumnElement[bool] | None:
    """The condition on how they stand, if there is one."""
    wanted: list[ColumnElement[bool]] = []
    if asked.standings:
        wanted.append(stands(now, *asked.standings))
    if asked.device is not None:
        wanted.append(col(HealthRow.device) == asked.device)
    if not wanted:
        return None
    return wanted[0] if len(wanted) == 1 else wanted[0] & wanted[1]


def _places(session: Session, viewer: Scoped, asked: Asked) -> list[ColumnElement[bool]]:
    wanted = [in_scope(viewer, col(Subject.branch_id)), col(Subject.removed_at).is_(None)]
    if asked.keys:
        wanted += [col(Subject.kind) == SubjectKind.POSITION, col(Subject.key).in_(asked.keys)]
    if asked.branch is not None:
        wanted.append(col(Subject.branch_id) == _branch_id(asked.branch))
    if asked.cls is not None:
        wanted.append(col(Position.cls) == asked.cls)
    if q := asked.q.strip():
        wanted.append(_matches(session, q))
    return wanted


def _matches(session: Session, q: str) -> ColumnElement[bool]:
    """In the name, the key, the class's name, or the machine's asset number, model or serial.

    Classes and machines are looked up first, by tables of their own: joining them to every position costs more.
    """
    classes = select(col(DeviceClass.key)).where(col(DeviceClass.name).icontains(q, autoescape=True))
    machines = (
        select(col(CardVersion.position_id))
        .join(Card, col(Card.id) == col(CardVersion.card_id))
        .where(
            col(CardVersion.effective_to) == FOREVER,
            col(CardVersion.known_to) == FOREVER,
            col(CardVersion.position_id).is_not(None),
            col(Card.asset).icontains(q, autoescape=True) | _in_fields(q),
        )
    )
    found = list(session.execute(machines.limit(FEW + 1)).scalars())
    return or_(
        col(Subject.name).icontains(q, autoescape=True),
        col(Subject.key).icontains(q, autoescape=True),
        col(Position.cls).in_(list(session.execute(classes).scalars())),
        col(Position.id).in_(found if len(found) <= FEW else machines),
    )


def _in_fields(q: str) -> ColumnElement[bool]:
    """In the model or the serial. Looking at the JSON's text first spares most rows the reading of it."""
    found = or_(*(field(name).icontains(q, autoescape=True) for name in ("model", "serial")))
    if '"' in q or "\\" in q:
        return found
    likely: ColumnElement[bool] = type_coerce(col(CardVersion.fields), Text).icontains(q, autoescape=True)
    return likely & found


def _branch_id(code: str) -> ScalarSelect[int | None]:
    other = aliased(Subject)
    wanted = select(col(other.id)).where(col(other.kind) == SubjectKind.BRANCH, col(other.key) == code)
    return wanted.scalar_subquery()


def _order(sort: Sort, now: int) -> list[Any]:
    own = col(Subject.key)
    match sort:
        case "name":
            return [col(Subject.name), own]
        case "branch":
            return [col(Home.key), own]
        case "seen":
            return [col(HealthRow.seen_at).is_not(None), col(HealthRow.seen_at), own]
        case "since":
            return [col(HealthRow.since).is_(None), col(HealthRow.since), own]
    return [rank_now(now), col(HealthRow.since).desc().nulls_last(), own]
