"""The demo's own inventory: the bank of inventory.toml, its addresses those of simulators, its intervals short."""

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomlkit

Tables = dict[str, Any]


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


def simulated(bank: Tables, demo: Tables) -> list[Simulated]:
    """One simulator a position, line or folder. The demo's `start` gives states by subject."""
    found: list[Simulated] = []
    folders: dict[str, Simulated] = {}
    for position in bank["position"]:
        driver = position.get("driver")
        if driver is None:
            continue
        key = subject(position)
        options = position.get("options", {}) | demo["options"].get(driver, {})
        if driver != "file":
            found.append(Simulated(key, driver, options, demo["start"].get(key, {}), [key]))
            continue
        folder = folders.get(position["address"])
        if folder is None:
            name = f"folder-{len(folders) + 1}"
            folder = folders[position["address"]] = Simulated(
                name, driver, {"layout": options["layout"], "rows": {}}, {}
            )
            found.append(folder)
        folder.subjects.append(key)
        folder.options["rows"][key] = options["row"]
    for line in bank["line"]:
        if line.get("probe"):
            found.append(Simulated(line_subject(line), "reach", {}, {}, [line_subject(line)]))
    return found


def subject(position: Tables) -> str:
    return f"{position['branch']}/{position['key']}"


def line_subject(line: Tables) -> str:
    return f"{line['branch']}/line/{line['key']}"


def rewrite(bank: Tables, addresses: dict[str, str], demo: Tables) -> Tables:
    """The bank with every address answered here and every wait made short. `addresses` is by subject."""
    interval = demo["interval"]
    rules = {table["key"]: table for table in bank.get("rule", [])}
    rules |= {key: {"key": key, **rules.get(key, {}), **waits} for key, waits in demo["rule"].items()}
    lines = [
        {**table, "probe": addresses[line_subject(table)], "interval": interval["line"]}
        if table.get("probe")
        else table
        for table in bank["line"]
    ]
    return {
        **bank,
        "position": [_position(table, addresses, demo) for table in bank["position"]],
        "line": lines,
        "rule": list(rules.values()),
    }


def _position(table: Tables, addresses: dict[str, str], demo: Tables) -> Tables:
    driver = table.get("driver")
    if driver is None:
        return table
    return {
        **table,
        "address": addresses[subject(table)],
        "options": table.get("options", {}) | demo["options"].get(driver, {}),
        "interval": demo["interval"][driver],
    }


def write(tables: Tables, path: Path) -> None:
    path.write_text(tomlkit.dumps(tables), encoding="utf-8")
