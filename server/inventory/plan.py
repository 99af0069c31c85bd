"""What an inventory would change: a pure comparison of what it wants with what is there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from agent.inventory.schema import Device, Inventory
from server.inventory.wanted import Fields, Named, Wanted, renames, wanted
from server.ledger.fields import CardFields

ORDER: Final = ("setting", "calendar", "class", "rule", "plan", "branch", "agent", "line", "position")
REFERENCES: Final = {  # (kind, field) -> the kind it names
    ("branch", "parent"): "branch",
    ("branch", "calendar"): "calendar",
    ("agent", "branch"): "branch",
    ("line", "agents"): "agent",
    ("position", "agents"): "agent",
    ("position", "cls"): "class",
}


class Op(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    RENAME = "rename"
    REVIVE = "revive"
    RETIRE = "retire"


@dataclass(frozen=True)
class There:
    """A row as it is. `removed` rows are kept for what hangs on them, and come back when wanted again."""

    fields: Fields
    removed: bool = False
    id: int | None = None  # of a subject


@dataclass(frozen=True)
class CardThere:
    """A machine as the ledger has it now."""

    branch_id: int
    position_id: int | None
    status: str
    fields: Fields


@dataclass(frozen=True)
class Rows:
    """What the database holds of all an inventory speaks of."""

    there: dict[Named, There]
    cards: dict[str, CardThere]  # by asset


@dataclass(frozen=True)
class Change:
    """One thing to be done. `was` is the old key of a rename; `fields` are old and new values by name."""

    op: Op
    kind: str
    key: str
    was: str = ""
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    id: int | None = None  # of the subject, where there is one


@dataclass(frozen=True)
class Seed:
    """A machine the ledger does not know. Where another fills its position already, it is registered as a spare."""

    device: Device
    filled_by: str = ""


@dataclass(frozen=True)
class Plan:
    """`changes` and `seeds` are done; the rest is told and left alone."""

    changes: list[Change]
    seeds: list[Seed]
    known: int = 0  # machines of the inventory that the ledger has already
    differing: dict[str, dict[str, tuple[Any, Any]]] = field(
        default_factory=dict
    )  # asset -> field -> ledger, inventory
    stranded: dict[str, str] = field(default_factory=dict)  # asset -> the position or branch that goes away under it
    kept: list[str] = field(default_factory=list)  # classes no longer wanted that machines still have
    blocked: list[Change] = field(default_factory=list)  # renames onto a key that something removed still has

    def __bool__(self) -> bool:
        return bool(self.changes or self.seeds)


def plan(rows: Rows, inventory: Inventory) -> Plan:
    """What `apply` would do."""
    want, was = wanted(inventory), renames(inventory)
    found, blocked = _match(rows.there, want, was)
    changes = [*_wanted_changes(rows.there, want, found), *_retired(rows.there, found)]
    classes = {str(card.fields["cls"]) for card in rows.cards.values()}
    kept = [
        change.key for change in changes if (change.op, change.kind) == (Op.RETIRE, "class") and change.key in classes
    ]
    changes = [
        change for change in changes if not (change.kind == "class" and change.op is Op.RETIRE and change.key in kept)
    ]
    ids = {key: rows.there[kind, old].id for (kind, key), old in found.items() if kind == "position"}
    filled = {card.position_id: asset for asset, card in rows.cards.items() if card.position_id is not None}
    seeds, known = [], [device for device in inventory.device if device.asset in rows.cards]
    for device in inventory.device:
        if device.asset not in rows.cards:
            there = ids.get(f"{device.branch}/{device.position}") if device.position else None
            seeds.append(Seed(device, filled.get(there, "") if there is not None else ""))
    keys = {(kind, rows.there[kind, old].id): key for (kind, key), old in found.items()}
    reclassed = {old: key for (kind, key), old in found.items() if kind == "class"}
    return Plan(
        changes=changes,
        seeds=seeds,
        known=len(known),
        differing=dict(_differing(known, rows.cards, keys, reclassed)),
        stranded=dict(_stranded(changes, rows.cards)),
        kept=kept,
        blocked=blocked,
    )


def _match(
    there: Mapping[Named, There], want: Wanted, was: Mapping[Named, str]
) -> tuple[dict[Named, str], list[Change]]:
    """The key under which each wanted thing is there now, and the renames that cannot be.

    An old key makes a rename, unless the new key is there already, as it is after the first run.
    """
    found: dict[Named, str] = {}
    blocked: list[Change] = []
    for kind, key in want:
        row = there.get((kind, key))
        old_key = was.get((kind, key), "")
        old = there.get((kind, old_key))
        renames_now = old is not None and not old.removed and (kind, old_key) not in want
        if row is None and renames_now:
            found[kind, key] = old_key
        elif row is not None:
            found[kind, key] = key
            if row.removed and renames_now:
                blocked.append(Change(Op.RENAME, kind, key, old_key))
    return found, blocked


def _wanted_changes(there: Mapping[Named, There], want: Wanted, found: Mapping[Named, str]) -> Iterator[Change]:
    """In the order of what is wanted."""
    now_called = {(kind, old): key for (kind, key), old in found.items()}
    for (kind, key), fields in want.items():
        if (kind, key) not in found:
            yield Change(Op.CREATE, kind, key, fields={name: (None, value) for name, value in fields.items()})
            continue
        old_key = found[kind, key]
        row = there[kind, old_key]
        before = _as_called_now(kind, row.fields, now_called)
        different = {name: (before.get(name), value) for name, value in fields.items() if before.get(name) != value}
        op = Op.RENAME if old_key != key else Op.REVIVE if row.removed else Op.CHANGE
        if different or op is not Op.CHANGE:
            yield Change(op, kind, key, old_key if op is Op.RENAME else "", different, row.id)


def _retired(there: Mapping[Named, There], found: Mapping[Named, str]) -> Iterable[Change]:
    """What hangs on something before what it hangs on."""
    kept = {(kind, old) for (kind, _), old in found.items()}
    gone = [
        Change(Op.RETIRE, kind, key, id=row.id)
        for (kind, key), row in there.items()
        if not row.removed and (kind, key) not in kept and kind != "setting"
    ]
    return sorted(gone, key=lambda change: (-ORDER.index(change.kind), change.key))


def _as_called_now(kind: str, fields: Fields, now_called: Mapping[Named, str]) -> dict[str, Any]:
    """The fields of a row with what they refer to by its new key, so that a rename is one change, not many."""
    return {
        name: _renamed(value, REFERENCES[kind, name], now_called) if (kind, name) in REFERENCES else value
        for name, value in fields.items()
    }


def _renamed(value: Any, kind: str, now_called: Mapping[Named, str]) -> Any:
    if isinstance(value, list):
        return sorted(now_called.get((kind, one), one) for one in value)
    return now_called.get((kind, value), value)


def _differing(
    devices: list[Device],
    cards: Mapping[str, CardThere],
    keys: Mapping[tuple[str, int | None], str],
    reclassed: Mapping[str, str],
) -> Iterator[tuple[str, dict[str, tuple[Any, Any]]]]:
    """Where the ledger, which owns machines, says otherwise than the inventory."""
    for device in devices:
        card = cards[device.asset]
        seeded: dict[str, Any] = {
            **CardFields.of(device).stored(),
            "branch": device.branch,
            "position": f"{device.branch}/{device.position}" if device.position else None,
            "status": device.status,
        }
        now: dict[str, Any] = {
            **card.fields,
            "cls": reclassed.get(card.fields["cls"], card.fields["cls"]),
            "branch": keys.get(("branch", card.branch_id)),
            "position": keys.get(("position", card.position_id)) if card.position_id else None,
            "status": card.status,
        }
        names = sorted(set(seeded) | set(now))
        if different := {
            name: (now.get(name), seeded.get(name)) for name in names if now.get(name) != seeded.get(name)
        }:
            yield device.asset, different


def _stranded(changes: list[Change], cards: Mapping[str, CardThere]) -> Iterator[tuple[str, str]]:
    gone = {change.id: change.key for change in changes if change.op is Op.RETIRE and change.id is not None}
    for asset, card in cards.items():
        if key := gone.get(card.position_id or 0) or gone.get(card.branch_id):
            yield asset, key
