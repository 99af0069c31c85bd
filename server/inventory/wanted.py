"""What an inventory says, as the fields of rows, by kind and key."""

from collections.abc import Mapping
from typing import Any

from agent.inventory.schema import Agent, Branch, Calendar, Inventory, Line, Position

Named = tuple[str, str]  # (kind, key)
Fields = Mapping[str, Any]
Wanted = dict[Named, Fields]
CENTRE = "centre"  # the agent that polls what no other agent is named for
MICROS = 1_000_000
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def wanted(inventory: Inventory) -> Wanted:
    """Parents before what hangs on them: branches before agents, agents before what they poll."""
    found: Wanted = {
        ("setting", "bank.name"): {"value": inventory.bank.name},
        ("setting", "bank.zone"): {"value": inventory.bank.zone},
    }
    for calendar in inventory.calendar:
        found["calendar", calendar.key] = {"name": calendar.name, "body": _hours(calendar)}
    for cls in inventory.cls:
        found["class", cls.key] = {"name": cls.name, "counted": cls.counted, "interval_us": _us(cls.interval)}
    for rule in inventory.rule:
        found["rule", rule.key] = {"body": rule.model_dump(mode="json", exclude_unset=True, exclude={"key"})}
    for plan in inventory.plan:
        found["plan", plan.key] = {"body": {"steps": list(plan.steps)}}
    for branch in _parents_first(inventory):
        found["branch", branch.key] = {
            "name": branch.name,
            "kind": branch.kind,
            "parent": branch.parent,
            "address": branch.address,
            "phone": branch.phone,
            "calendar": branch.calendar,
            "people": dict(branch.people),
        }
    for agent in inventory.agent:
        found["agent", agent.key] = {"name": agent.name, "branch": agent.branch}
    agents = Agents(inventory.agent)
    for line in inventory.line:
        found["line", line_key(line)] = {
            "name": line.name,
            "role": line.role,
            "carrier": line.carrier,
            "circuit": line.circuit,
            "bandwidth": line.bandwidth,
            "fault_phone": line.fault_phone,
            "probe": line.probe,
            "interval_us": _us(line.interval),
            "options": dict(line.options),
            "agents": agents.of_line(line),
        }
    intervals = {cls.key: cls.interval for cls in inventory.cls}
    for position in inventory.position:
        interval = position.interval if position.interval is not None else intervals[position.cls]
        found["position", position_key(position)] = {
            "name": position.name,
            "cls": position.cls,
            "driver": position.driver,
            "address": position.address,
            "options": dict(position.options),
            "interval_us": _us(interval),
            "agents": agents.of_position(position),
        }
    return found


def renames(inventory: Inventory) -> dict[Named, str]:
    """Old keys, of what says `was` and of what hangs on a branch that does."""
    found: dict[Named, str] = {}
    for kind, tables in (("calendar", inventory.calendar), ("class", inventory.cls), ("agent", inventory.agent)):
        found |= {(kind, table.key): table.was for table in tables if table.was}
    branches = {branch.key: branch.was for branch in inventory.branch if branch.was}
    found |= {("branch", key): old for key, old in branches.items()}
    for line in inventory.line:
        branch, _, key = (line.was or line.key).rpartition("/")
        branch = branch or branches.get(line.branch, line.branch)
        found["line", line_key(line)] = f"{branch}/line/{key}"
    for position in inventory.position:
        branch, _, slug = (position.was or position.key).rpartition("/")
        branch = branch or branches.get(position.branch, position.branch)
        found["position", position_key(position)] = f"{branch}/{slug}"
    return {(kind, key): old for (kind, key), old in found.items() if key != old}


def line_key(line: Line) -> str:
    return f"{line.branch}/line/{line.key}"


def position_key(position: Position) -> str:
    return f"{position.branch}/{position.key}"


class Agents:
    """Which agents poll what: those it names, else the agent of its branch, else the centre's, else none."""

    def __init__(self, agents: list[Agent]) -> None:
        self._keys = {agent.key for agent in agents}
        self._by_branch: dict[str, list[str]] = {}
        for agent in sorted(agents, key=lambda agent: agent.key != CENTRE):
            self._by_branch.setdefault(agent.branch, []).append(agent.key)

    @property
    def several(self) -> dict[str, list[str]]:
        """The agents of each branch that has more than one; the first polls what names none."""
        return {branch: keys for branch, keys in self._by_branch.items() if len(keys) > 1}

    def of_position(self, position: Position) -> list[str]:
        if position.driver is None:
            return []
        if position.agent is not None:
            return [position.agent] if isinstance(position.agent, str) else sorted(position.agent)
        return self._default(self._by_branch.get(position.branch, [None])[0])

    def of_line(self, line: Line) -> list[str]:
        """A line is probed from the centre: from behind it, a cut line looks like everything else being cut."""
        if not line.probe:
            return []
        return [line.agent] if line.agent else self._default(None)

    def _default(self, of_branch: str | None) -> list[str]:
        return [of_branch] if of_branch else [CENTRE] if CENTRE in self._keys else []


def _parents_first(inventory: Inventory) -> list[Branch]:
    by_key = {branch.key: branch for branch in inventory.branch}
    ordered: dict[str, Branch] = {}

    def add(key: str) -> None:
        if key not in ordered:
            if parent := by_key[key].parent:
                add(parent)
            ordered[key] = by_key[key]

    for key in by_key:
        add(key)
    return list(ordered.values())


def _hours(calendar: Calendar) -> dict[str, Any]:
    days = {day: getattr(calendar, day) for day in WEEK if getattr(calendar, day)}
    return days | {"closed": calendar.closed, "open": calendar.open}


def _us(seconds: float) -> int:
    return round(seconds * MICROS)
