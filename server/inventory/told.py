"""A plan in words: for the person who decides on it, and for the journal, which keeps no secret and no name."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlmodel import Session

from agent.inventory.schema import Inventory
from server.inventory.plan import ORDER, Change, Op, Plan
from server.inventory.wanted import Agents, position_key
from server.journal.personal import seal_personal
from server.plain import plain
from server.secrets.sealing import REFERENCE, names_in
from server.storage.types import canonical
from server.texts import Gettext

SHOWN = 60  # characters of a value worth showing
LISTED = 10  # machines the ledger describes otherwise; in daily use most are
HIDDEN = "***"
_SECRETIVE = re.compile(r"(community|password|passphrase|secret|token|private_key)$")
_MARKS = {Op.CREATE: "+", Op.CHANGE: "~", Op.RENAME: ">", Op.REVIVE: "^", Op.RETIRE: "-"}
KINDS = {
    "setting": "the bank",
    "calendar": "calendar",
    "class": "class",
    "rule": "rule",
    "plan": "contingency plan",
    "branch": "branch",
    "agent": "agent",
    "line": "line",
    "position": "position",
    "device": "machine",
}
COUNTED = {
    Op.CREATE: "{count} new",
    Op.CHANGE: "{count} changed",
    Op.RENAME: "{count} renamed",
    Op.REVIVE: "{count} back again",
    Op.RETIRE: "{count} let go",
}
FIELDS = {
    "name": "name",
    "value": "value",
    "body": "content",
    "counted": "counted",
    "interval_us": "interval",
    "kind": "kind",
    "parent": "parent",
    "address": "address",
    "phone": "telephone",
    "calendar": "calendar",
    "people": "people",
    "branch": "branch",
    "role": "role",
    "carrier": "carrier",
    "circuit": "circuit",
    "bandwidth": "bandwidth",
    "fault_phone": "fault telephone",
    "probe": "probe",
    "options": "options",
    "agents": "agents",
    "cls": "class",
    "driver": "driver",
}

CARD = {
    "name": "Device name",
    "cls": "Device class",
    "maker": "Maker",
    "model": "Model",
    "serial": "Serial number",
    "terminal": "Terminal number",
    "branch": "Branch",
    "position": "Position",
    "status": "Status",
    "keeper": "Keeper",
    "place": "Place",
    "zone": "Network",
    "bought": "Bought",
    "in_service": "In service since",
    "price": "Price (yuan)",
    "supplier": "Supplier",
    "maintainer": "Maintainer",
    "warranty": "Warranty until",
    "note": "Note",
}


def tell(plan: Plan, _: Gettext) -> Iterator[str]:
    """A line for each change, then what is left alone, then what it comes to."""
    for change in plan.changes:
        yield _change(change, _)
    for seed in plan.seeds:
        line = f"+ {_('machine')} {_shown(seed.device.asset)} {_shown(seed.device.name)}"
        if seed.filled_by:
            line += "  " + _("(as a spare: {asset} fills its position)").format(asset=_shown(seed.filled_by))
        yield line
    yield from _left(plan, _)
    if not plan:
        yield _("Nothing to do: everything is as the inventory says.")
        return
    for kind in (*ORDER, "device"):
        if words := list(_counts(plan, kind, _)):
            yield f"{_(KINDS[kind])}: {_(', ').join(words)}"


def _change(change: Change, _: Gettext) -> str:
    line = f"{_MARKS[change.op]} {_(KINDS[change.kind])} {change.key}"
    if change.op is Op.CREATE:
        return " ".join([line, _shown(change.fields["name"][1])]) if "name" in change.fields else line
    if change.was:
        line += " " + _("(was {key})").format(key=change.was)
    differences = [
        f"{_(FIELDS[name])}: {_value(old, name)} → {_value(new, name)}" for name, (old, new) in change.fields.items()
    ]
    return "  ".join([line, *differences])


def _left(plan: Plan, _: Gettext) -> Iterator[str]:
    for change in plan.blocked:
        template = _(
            "! {was} cannot become {key}: something removed has that key. Take another, or drop `was` to bring it back."
        )
        yield template.format(key=change.key, was=change.was)
    for asset, different in islice(plan.differing.items(), LISTED):
        names = _(", ").join(
            f"{_(CARD.get(name, name))}: {_shown(ledger)} ≠ {_shown(said)}"
            for name, (ledger, said) in different.items()
        )
        yield _("= machine {asset} stays as the ledger says: {differences}").format(
            asset=_shown(asset), differences=names
        )
    if len(plan.differing) > LISTED:
        yield _("= and {count} more machines that the ledger describes otherwise.").format(
            count=len(plan.differing) - LISTED
        )
    for asset, key in plan.stranded.items():
        yield _("! machine {asset} still stands at {key}, which goes away; move it in the ledger.").format(
            asset=_shown(asset), key=key
        )
    for key in plan.kept:
        yield _("= class {key} is kept: machines in the ledger are of it.").format(key=key)
    if plan.known:
        yield _("= {count} machines are in the ledger already; the ledger owns them.").format(count=plan.known)


def who_polls(inventory: Inventory, _: Gettext) -> Iterator[str]:
    """What is polled by an agent, or by none, without the inventory saying so in as many words."""
    agents = Agents(inventory.agent)
    polled = [one for one in inventory.position if one.driver is not None]
    for branch, keys in agents.several.items():
        left = [one.key for one in polled if one.branch == branch and one.agent is None]
        if left:
            template = _(
                "Branch {branch} has several agents: {agents}. {agent} polls what names none of them, which is {count} "
                'positions: {positions}. For another, write agent = "KEY" into the position.'
            )
            yield template.format(
                branch=branch, agents=" ".join(keys), agent=keys[0], count=len(left), positions=_first(left)
            )
    nobodys = [position_key(one) for one in polled if not agents.of_position(one)]
    if nobodys:
        template = _(
            "Nobody polls {count} positions that have a driver: {positions}. Their branch has no agent, and none is "
            "called centre."
        )
        yield template.format(count=len(nobodys), positions=_first(nobodys))


def _first(keys: list[str]) -> str:
    return " ".join(keys[:LISTED]) + (" …" if len(keys) > LISTED else "")


def _counts(plan: Plan, kind: str, _: Gettext) -> Iterator[str]:
    for op, template in COUNTED.items():
        count = sum(1 for change in plan.changes if (change.kind, change.op) == (kind, op))
        count += len(plan.seeds) if (kind, op) == ("device", Op.CREATE) else 0
        if count:
            yield _(template).format(count=count)


def _value(value: Any, name: str) -> str:
    if name == "interval_us" and isinstance(value, int):
        return f"{value / 1_000_000:g} s"
    if name == "options" and isinstance(value, dict):
        value = _hidden(value)
    return _shown(value)


def _shown(value: Any) -> str:
    """One value: short, on one line, harmless on a terminal."""
    if value is None or value == "":
        return "∅"
    if isinstance(value, list):
        value = " ".join(map(str, value)) or "∅"
    text = plain(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def journal_lines(session: Session, changes: list[Change]) -> list[str]:
    """The lines whose digest the journal holds: canonical, without secrets, and people as commitments."""
    return [
        canonical(
            {
                "op": change.op.value,
                "kind": change.kind,
                "key": change.key,
                "was": change.was,
                "fields": {
                    name: [_kept(session, name, old), _kept(session, name, new)]
                    for name, (old, new) in change.fields.items()
                },
            }
        )
        for change in changes
    ]


def _kept(session: Session, name: str, value: Any) -> Any:
    if name == "options" and isinstance(value, dict):
        return _without_floats(_hidden(value))
    if name == "people" and isinstance(value, dict):
        return {place: seal_personal(session, person) if person else "" for place, person in value.items()}
    return _without_floats(value)


def _without_floats(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {key: _without_floats(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_floats(inner) for inner in value]
    return value


def _hidden(value: Any, name: str = "") -> Any:
    """Options with what looks like a secret written in plain taken out."""
    if isinstance(value, dict):
        return {key: _hidden(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, name) for inner in value]
    is_plain = isinstance(value, str) and _SECRETIVE.search(name) and not value.startswith(REFERENCE)
    return HIDDEN if is_plain else value


def plain_secrets(plan: Plan) -> list[str]:
    """The keys of positions and lines whose options hold a secret in plain."""
    return [
        change.key
        for change in plan.changes
        if isinstance(options := change.fields.get("options", (None, None))[1], dict) and _hidden(options) != options
    ]


def secret_names(plan: Plan) -> set[str]:
    """The secrets that options of the plan name."""
    return {name for change in plan.changes for name in names_in(change.fields.get("options", (None, None))[1])}
