"""The demo's own inventory: the bank of inventory.toml, its addresses those of simulators, its intervals short."""

import sys
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomlkit

Tables = dict[str, Any]

INTERVALS = {"snmp": "5s", "passbook": "4s", "card_reader/crt": "4s", "reach": "5s", "file": "10s"}
LINE_INTERVAL = "4s"
RULE_AFTER = "3s"  # how long a fault lasts before it is a condition; a bank waits longer


@dataclass
class Simulated:
    """What to start for one address: `subjects` are the keys polled through it, in the order of `rows`."""

    name: str
    kind: str
    options: Tables
    state: dict[str, str]
    subjects: list[str] = field(default_factory=list)


def load() -> Tables:
    """The tables of the bank this program was shipped with."""
    shipped = files("tui.demo").joinpath("inventory.toml")
    if shipped.is_file():  # a wheel carries a copy
        return tomllib.loads(shipped.read_text(encoding="utf-8"))
    return tomllib.loads((Path(__file__).parents[2] / "inventory.toml").read_text(encoding="utf-8"))


def simulated(bank: Tables, start: dict[str, dict[str, str]]) -> list[Simulated]:
    """One simulator a position, line or folder. `start` gives states by subject, or by driver and profile."""
    found: list[Simulated] = []
    folders: dict[str, Simulated] = {}
    for position in bank["position"]:
        driver = position.get("driver")
        if driver is None:
            continue
        key = subject(position)
        options = dict(position.get("options", {}))
        profile = options.get("profile") or options.get("model") or ""
        state = start.get(key) or start.get(f"{driver}:{profile}") or start.get(driver) or {}
        if driver == "file":
            folder = folders.get(position["address"])
            if folder is None:
                folder = folders[position["address"]] = Simulated(f"folder-{len(folders) + 1}", "file", options, {})
                found.append(folder)
            folder.subjects.append(key)
        else:
            found.append(Simulated(key, driver, options, dict(state), [key]))
    for line in bank["line"]:
        if line.get("probe"):
            found.append(Simulated(line_subject(line), "reach", {}, {}, [line_subject(line)]))
    return found


def subject(position: Tables) -> str:
    return f"{position['branch']}/{position['key']}"


def line_subject(line: Tables) -> str:
    return f"{line['branch']}/line/{line['key']}"


def rewrite(bank: Tables, addresses: dict[str, str], rules: list[str]) -> Tables:
    """The bank with every address answered here and every wait made short. `addresses` is by subject."""
    demo = dict(bank)
    demo["class"] = [{key: value for key, value in table.items() if key != "interval"} for table in bank["class"]]
    demo["position"] = [_position(table, addresses) for table in bank["position"]]
    demo["line"] = [
        {**table, "probe": addresses[line_subject(table)], "interval": LINE_INTERVAL} if table.get("probe") else table
        for table in bank["line"]
    ]
    written = {table["key"]: table for table in bank.get("rule", [])}
    demo["rule"] = [{**written.get(key, {"key": key}), "after": RULE_AFTER, "clear_after": RULE_AFTER} for key in rules]
    return demo


def _position(table: Tables, addresses: dict[str, str]) -> Tables:
    if "driver" not in table:
        return table
    return {**table, "address": addresses[subject(table)], "interval": INTERVALS[table["driver"]]}


def write(tables: Tables, path: Path) -> None:
    path.write_text(tomlkit.dumps(tables), encoding="utf-8")


if __name__ == "__main__":  # what the demo would start, for a look
    for one in simulated(load(), {}):
        sys.stdout.write(f"{one.kind:18} {one.name:30} {one.options}\n")
