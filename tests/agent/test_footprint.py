"""An agent imports what its positions use, and no more: a branch PC has little memory.

A real agent is started, without a server, and asked what it has once every position was polled.
"""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from agent.assignment import CACHE
from agent.link.identity import Identity, keep_identity, new_key
from agent.wire import Assignment, Polled

if sys.platform == "win32":
    raise pytest.skip.Exception("Windows sends no SIGTERM", allow_module_level=True)

RUN = """
import atexit, json, sys
from agent.main import main
atexit.register(lambda: print(json.dumps(sorted(sys.modules))))
main(["run", "--home", sys.argv[1]])
"""
GONE = "/dev/ttyBF0"  # a port no machine has
SERIAL: list[tuple[str, str, dict[str, object]]] = [
    ("passbook", GONE, {"emulation": "olivetti", "profile": "simulated"}),
    ("card_reader/crt", GONE, {"model": "crt-310"}),
    ("card_reader/omron", GONE, {}),
    ("ups/megatec", GONE, {}),
    ("escpos", GONE, {}),
    ("pos/zvt", GONE, {"timetable": "none"}),
    ("pos/ecr", GONE, {"dialect": "generic"}),
]
SNMP: list[tuple[str, str, dict[str, object]]] = [("snmp", "127.0.0.1:9", {"wait": 0.05, "engine": "own"})]
NEVER = {
    "agent.cli",  # reads command lines, with typer, which brings pydantic
    "agent.discover",  # commands of their own
    "agent.doctor",
    "agent.facts.topics",  # a process of its own looks, and has all of these
    "agent.facts.host",
    "agent.facts.programs",
    "agent.facts.software",
    "agent.facts.updates",
    "agent.facts.antivirus",
    "agent.inventory.read",  # reads inventories with pydantic; of that folder an agent knows one pattern
    "agent.inventory.schema",
    "agent.orders.doctor",
    "agent.simulate",
    "drivers.sim",
    "alembic",  # a server's or a console's
    "anyio",
    "fastapi",
    "httpx2",
    "pydantic",
    "pydantic_core",
    "rich",
    "sqlalchemy",
    "sqlmodel",
    "textual",
    "typer",
    "uvicorn",
}
NOT_FOR_SERIAL = {
    "paramiko",  # brings bcrypt and libsodium
    "drivers.snmp",  # other families
    "drivers.atm",
    "drivers.card_service",
    "drivers.file",
    "drivers.reach",
    "gufo",
    "pyasn1",
    "pysnmp",
    "smartcard",
    "websockets",
}
NOT_FOR_SNMP = {
    "drivers.host",
    "paramiko",
    "drivers.atm",
    "drivers.file",
    "drivers.reach",
    "drivers.serial_link",
    "serial",
    "smartcard",
    "websockets",
}
NOT_FOR_SSH = {"drivers.atm", "drivers.file", "drivers.snmp", "pysnmp", "serial", "smartcard", "websockets"}


@pytest.mark.parametrize(
    ("positions", "used", "unused"),
    [
        (SERIAL, {"drivers.passbook.driver", "drivers.escpos", "serial", "apscheduler"}, NOT_FOR_SERIAL),
        (SNMP, {"drivers.snmp.engine", "pyasn1", "pysnmp"}, NOT_FOR_SNMP),
    ],
    ids=["serial ports", "SNMP"],
)
def test_a_running_agent_has_what_its_positions_use_and_no_more(
    positions: list[tuple[str, str, dict[str, object]]], used: set[str], unused: set[str], tmp_path: Path
) -> None:
    loaded = _loaded(positions, tmp_path)
    assert used <= loaded
    found = {name for name in NEVER | unused for module in loaded if module == name or module.startswith(f"{name}.")}
    assert found == set()


def test_an_agent_has_paramiko_from_the_first_host_that_takes_a_connection(tmp_path: Path) -> None:
    options: dict[str, object] = {"user": "watcher", "private_key": "none", "wait": 0.1}
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # takes it, and says nothing
        loaded = _loaded([("host/ssh", f"127.0.0.1:{hanging.getsockname()[1]}", options)], tmp_path)
    assert {"drivers.host.session", "paramiko"} <= loaded
    assert {name for name in NEVER | NOT_FOR_SSH if name in loaded} == set()


def _loaded(positions: list[tuple[str, str, dict[str, object]]], home: Path) -> set[str]:
    """The modules of an agent that polled each of these, none of which is there."""
    polled = [
        Polled(position=f"1/{n}", name="", driver=driver, address=address, options=options, interval=60)
        for n, (driver, address, options) in enumerate(positions)
    ]
    (home / CACHE).write_bytes(msgspec.json.encode(Assignment(agent="a", revision="r", polled=polled)))
    keep_identity(home, Identity(server="http://127.0.0.1:9", name="s", agent="a", code="", key=new_key()))
    command = [sys.executable, "-c", RUN, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as agent:
        try:
            assert agent.stderr is not None
            left = {f"1/{n}" for n in range(len(positions))}
            for line in agent.stderr:
                left -= {position for position in left if f"{position} gives no reading" in line}
                if not left:
                    break
            agent.send_signal(signal.SIGTERM)
            said, _ = agent.communicate(timeout=60)
        finally:
            agent.kill()
    return set(json.loads(said))
