"""The least bank there can be proofs on: a head office, one branch, its line, and UPSes that go from mains to battery.

Every UPS is a simulator that answers by SNMP, so what it showed is in the simulators' own log.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TURNS = ({"power": "battery"}, {"battery": "low"}, {"power": "mains"}, {"battery": "ok"})

TOP = """\
[bank]
name = "望禾县农村商业银行"
zone = "Asia/Shanghai"

[[class]]
key = "ups"
name = "不间断电源"
interval = "2m"

[[branch]]
key = "1000"
name = "总行"
kind = "head-office"

[[branch]]
key = "1001"
name = "滨河支行"
kind = "branch"

[[agent]]
key = "centre"
name = "总行采集程序"
branch = "1000"

[[agent]]
key = "agent-1001"
name = "滨河支行采集程序"
branch = "1001"
"""


@dataclass(frozen=True)
class Bank:
    """`devices` UPSes of branch 1001, asked every `interval` seconds; each changes every `change` seconds, one after
    the other. `probe` is an address of the branch's line, which the centre's agent asks for."""

    devices: int = 6
    interval: float = 1.0
    change: float = 12.0
    wait: float = 1.0  # seconds the driver waits for an answer
    probe: str = ""
    rules: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        return [f"1001/ups-{number}" for number in range(1, self.devices + 1)]

    @property
    def agents(self) -> list[str]:
        return ["agent-1001", "centre"] if self.probe else ["agent-1001"]

    def world(self, log: Path, folder: Path) -> dict[str, Any]:
        """What `python -m drivers.sim` is to simulate."""
        simulators = [
            {"name": key, "kind": "snmp", "options": {"profile": "ups", "community": "public"}} for key in self.keys
        ]
        apart = self.change / max(1, self.devices)
        events = [
            {"at": self.change * turn + apart * number + apart, "subject": key, "set": changed}
            for number, key in enumerate(self.keys)
            for turn, changed in enumerate(TURNS)
        ]
        story = {"event": events, "every": self.change * len(TURNS)}
        return {"simulators": simulators, "story": story, "log": str(log), "folder": str(folder)}

    def inventory(self, addresses: dict[str, str]) -> str:
        """What `branchfleet-server apply` is to be given."""
        tables = [TOP]
        if self.probe:
            tables.append(
                f'[[line]]\nbranch = "1001"\nkey = "main"\nname = "主线路"\nrole = "main"\n'
                f'probe = "{self.probe}"\nagent = "centre"\ninterval = "{self.interval:g}s"\n'
                # the network this runs in may itself refuse what has no way to go
                "options = { refused_is_up = false }\n"
            )
        for key, said in self.rules.items():
            tables.append(f'[[rule]]\nkey = "{key}"\n' + "".join(f'{name} = "{text}"\n' for name, text in said.items()))
        for key in self.keys:
            tables.append(
                f'[[position]]\nbranch = "1001"\nkey = "{key.partition("/")[2]}"\nname = "UPS"\nclass = "ups"\n'
                f'agent = "agent-1001"\ndriver = "snmp"\naddress = "{addresses[key]}"\n'
                f'interval = "{self.interval:g}s"\n'
                f'options = {{ profile = "ups", community = "public", wait = {self.wait} }}\n'
            )
        return "\n".join(tables)

    def write_world(self, home: Path) -> Path:
        path = home / "world.json"
        path.write_text(json.dumps(self.world(home / "shown.log", home / "devices")), encoding="utf-8")
        return path
