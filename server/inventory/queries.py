"""What is there of all that an inventory speaks of, in the shape of what it wants."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Select
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from server.inventory.plan import CardThere, Rows, There
from server.inventory.tables import (
    Branch,
    Calendar,
    Contingency,
    DeviceClass,
    InventoryRule,
    Line,
    Observer,
    Position,
    Setting,
    Subject,
    SubjectKind,
)
from server.inventory.wanted import Named
from server.ledger.tables import Card, CardVersion
from server.storage.types import FOREVER

SETTINGS = ("bank.name", "bank.zone")
LINE_FIELDS = ("role", "carrier", "circuit", "bandwidth", "fault_phone", "probe", "interval_us", "options")
POSITION_FIELDS = ("cls", "driver", "address", "options", "interval_us")
BRANCH_FIELDS = ("kind", "address", "phone", "calendar", "people")


def rows(session: Session) -> Rows:
    """Everything the inventory owns, by kind and key, and the machines; what was let go is marked removed."""
    there: dict[Named, There] = {}
    for setting in session.exec(select(Setting).where(col(Setting.key).in_(SETTINGS))):
        there["setting", setting.key] = There({"value": setting.value})
    for calendar in session.exec(select(Calendar)):
        there["calendar", calendar.key] = There({"name": calendar.name, "body": calendar.body})
    for cls in session.exec(select(DeviceClass)):
        there["class", cls.key] = There({"name": cls.name, "counted": cls.counted, "interval_us": cls.interval_us})
    for rule in session.exec(select(InventoryRule)):
        there["rule", rule.key] = There({"body": rule.body})
    for plan in session.exec(select(Contingency)):
        there["plan", plan.key] = There({"body": plan.body})
    return Rows(there | _subjects(session), _cards(session))


def _subjects(session: Session) -> dict[Named, There]:
    keys = {own or 0: key for own, key in session.exec(select(Subject.id, Subject.key))}
    agents: dict[int, list[str]] = defaultdict(list)
    for subject_id, agent_id in session.exec(select(Observer.subject_id, Observer.agent_id)):
        agents[subject_id].append(keys[agent_id])
    more = {
        SubjectKind.BRANCH: _fields(session, Branch, (*BRANCH_FIELDS, "parent_id")),
        SubjectKind.LINE: _fields(session, Line, LINE_FIELDS),
        SubjectKind.POSITION: _fields(session, Position, POSITION_FIELDS),
    }
    found: dict[Named, There] = {}
    asked = select_columns(Subject, ("id", "kind", "key", "name", "branch_id", "removed_at"))
    for own, kind, key, name, branch, removed in session.execute(asked):
        fields: dict[str, Any] = {"name": name}
        match kind:
            case SubjectKind.BRANCH:
                of_branch = more[kind][own]
                parent_id = of_branch.pop("parent_id")
                fields |= {"parent": keys[parent_id] if parent_id else None, **of_branch}
            case SubjectKind.AGENT:
                fields["branch"] = keys[branch]
            case _:
                fields |= {"agents": sorted(agents[own]), **more[kind][own]}
        found[kind.value, key] = There(fields, removed is not None, own)
    return found


def _fields(session: Session, table: Any, names: tuple[str, ...]) -> dict[int, dict[str, Any]]:
    """By id, the columns of these names: rows by the hundred thousand, of which none is to be changed."""
    rows = session.execute(select_columns(table, ("id", *names)))
    return {own: dict(zip(names, values, strict=True)) for own, *values in rows}


def select_columns(table: Any, names: tuple[str, ...]) -> Select[Any]:
    return sql_select(*(getattr(table, name) for name in names))


def _cards(session: Session) -> dict[str, CardThere]:
    current = (
        sql_select(
            *(col(Card.asset), col(CardVersion.branch_id), col(CardVersion.position_id)),
            *(col(CardVersion.status), col(CardVersion.fields)),
        )
        .join(Card, col(Card.id) == col(CardVersion.card_id))
        .where(col(CardVersion.effective_to) == FOREVER, col(CardVersion.known_to) == FOREVER)
    )
    return {
        asset: CardThere(branch, position, status.value, fields)
        for asset, branch, position, status, fields in session.execute(current)
    }
