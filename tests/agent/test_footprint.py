"""An agent imports what its positions use, and no more: a branch PC has little memory."""

import json
import subprocess
import sys

LOOK = """
import asyncio, json, sys
import agent.cli
import agent.logs, agent.run, agent.settings
from agent.assignment import make_target
from agent.wire import Polled
from drivers.base import Shared
for driver, options in json.loads(sys.argv[1]):
    polled = Polled(position="1/a", name="", driver=driver, address="/dev/ttyS0", options=options, interval=60)
    assert make_target(polled, Shared()).failure is None, driver
print(json.dumps(sorted(sys.modules)))
"""
SERIAL = [
    ["passbook", {"emulation": "olivetti", "profile": "simulated"}],
    ["card_reader/crt", {"model": "crt-310"}],
    ["ups/megatec", {}],
    ["escpos", {}],
]
NOT_FOR_SERIAL = {
    "agent.discover",  # commands of their own
    "agent.doctor",
    "agent.inventory",
    "agent.simulate",
    "drivers.snmp",  # other families
    "drivers.atm",
    "drivers.card_service",
    "drivers.sim",
    "gufo",
    "paramiko",
    "pyasn1",
    "pysnmp",
    "rich",
    "smartcard",
    "websockets",
    "alembic",  # a server's
    "fastapi",
    "sqlalchemy",
    "sqlmodel",
    "uvicorn",
    "textual",
}


def test_a_serial_only_agent_imports_nothing_of_networks_or_servers() -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(SERIAL)], check=True, capture_output=True, text=True
    ).stdout
    loaded = json.loads(said)
    assert "drivers.passbook.driver" in loaded
    found = {name for name in NOT_FOR_SERIAL for module in loaded if module == name or module.startswith(f"{name}.")}
    assert found == set()
