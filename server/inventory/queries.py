"""What is there of all that an inventory speaks of, in the shape of what it wants."""

from collections import defaultdict
from typing import Any

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
    subjects = {subject.id or 0: subject for subject in session.exec(select(Subject))}
    agents: dict[int, list[str]] = defaultdict(list)
    for observer in session.exec(select(Observer)):
        agents[observer.subject_id].append(subjects[observer.agent_id].key)
    branches = {row.id: row for row in session.exec(select(Branch))}
    lines = {row.id: row for row in session.exec(select(Line))}
    positions = {row.id: row for row in session.exec(select(Position))}
    found: dict[Named, There] = {}
    for own, subject in subjects.items():
        fields: dict[str, Any] = {"name": subject.name}
        match subject.kind:
            case SubjectKind.BRANCH:
                parent_id = branches[own].parent_id
                fields["parent"] = subjects[parent_id].key if parent_id else None
                fields |= _fields(branches[own], BRANCH_FIELDS)
            case SubjectKind.AGENT:
                fields["branch"] = subjects[subject.branch_id].key
            case SubjectKind.LINE:
                fields |= {"agents": sorted(agents[own]), **_fields(lines[own], LINE_FIELDS)}
            case SubjectKind.POSITION:
                fields |= {"agents": sorted(agents[own]), **_fields(positions[own], POSITION_FIELDS)}
        found[subject.kind.value, subject.key] = There(fields, subject.removed_at is not None, own)
    return found


def _fields(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _cards(session: Session) -> dict[str, CardThere]:
    current = (
        select(Card.asset, CardVersion)
        .join(Card, col(Card.id) == col(CardVersion.card_id))
        .where(CardVersion.effective_to == FOREVER, CardVersion.known_to == FOREVER)
    )
    return {
        asset: CardThere(version.branch_id, version.position_id, version.status.value, version.fields)
        for asset, version in session.exec(current)
    }
