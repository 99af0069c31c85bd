"""Server and agent as services of a real systemd, installed as the documentation says."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from tests.faults.bank import TOP
from tests.faults.machine import CHECKOUT, PROGRAMS, Machine, machine, missing

needs_systemd = pytest.mark.skipif(bool(missing()), reason=missing() or "-")
pytestmark = needs_systemd

SERVER, AGENT = "branchfleet-server", "branchfleet-agent"
BOTH = (SERVER, AGENT)
HOME = "/var/lib/branchfleet-server"
URL = "https://127.0.0.1:8088"
ANSWERS = "import socket; socket.create_connection(('127.0.0.1', 8088))"
SERIAL = "/srv/devices/serial"
WORLD = {
    "simulators": [
        {"name": "snmp", "kind": "snmp", "options": {"profile": "ups", "community": "public", "port": 1161}},
        {"name": "serial", "kind": "ups/megatec"},
    ],
    "log": "/srv/shown.log",
    "folder": "/srv/devices",
}
INVENTORY = (
    TOP
    + f"""
[[position]]
branch = "1001"
key = "network"
name = "UPS"
class = "ups"
agent = "agent-1001"
driver = "snmp"
address = "127.0.0.1:1161"
interval = "5s"
options = {{ profile = "ups", community = "public" }}

[[position]]
branch = "1001"
key = "serial"
name = "UPS"
class = "ups"
agent = "agent-1001"
driver = "ups/megatec"
address = "{SERIAL}"
interval = "5s"
"""
)
# A serial port belongs to root and dialout, and so does the simulated one.
DEVICES = f"""\
[Service]
ExecStart=/bin/sh -c 'sleep infinity | {PROGRAMS}/python -m drivers.sim /srv/world.json'
ExecStartPost=/bin/sh -c 'until test -e {SERIAL}; do sleep 0.1; done; chgrp dialout {SERIAL}; chmod 660 {SERIAL}'

[Install]
WantedBy=multi-user.target
"""


def blocks(page: str, heading: str) -> list[str]:
    """The code blocks below a heading of a documentation page."""
    text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```\w*\n(.*?)```", section, re.DOTALL)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which server and agent were set up by the commands of the documentation, and devices."""
    with machine(tmp_path_factory.mktemp("machine")) as made:
        put(made, "/srv/world.json", json.dumps(WORLD))
        (made.root / "srv/devices").mkdir()
        put(made, "/etc/systemd/system/devices.service", DEVICES)
        made.say("systemctl", "enable", "--now", "devices")
        commands, unit = blocks("server.md", "Start at boot")
        put(made, f"/etc/systemd/system/{SERVER}.service", unit)
        made.say("sh", "-ec", commands)
        made.comes(lambda: made.try_to(f"{PROGRAMS}/python", "-c", ANSWERS).returncode == 0, "the server to listen")
        put(made, "/srv/inventory.toml", INVENTORY)
        as_server(made, "apply", "/srv/inventory.toml", "--yes")
        code = json.loads(as_server(made, "agent", "code", "1001", "--agent", "agent-1001", "--json"))["code"]
        commands = blocks("agent.md", "Start at boot")[0].replace("https://SERVER:8088", URL)
        made.say("sh", "-ec", commands, stdin=code + "\n")
        yield made


def put(made: Machine, path: str, text: str) -> None:
    (made.root / path.lstrip("/")).write_text(text, encoding="utf-8")


def as_server(made: Machine, *words: str) -> str:
    return made.say("runuser", "-u", SERVER, "--", SERVER, *words, "--home", HOME)


def ask(made: Machine, sql: str) -> list[tuple[str, str]]:
    path = made.root / HOME.lstrip("/") / "branchfleet.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def records(made: Machine) -> int:
    return int(ask(made, "SELECT count(*), 0 FROM record")[0][0])


def all_good(made: Machine) -> None:
    """Wait until the agent has told of both devices that they are well."""
    sql = "SELECT key, standing FROM health JOIN subject ON id = subject_id WHERE kind = 'position'"
    made.comes(lambda: dict(ask(made, sql)) == {"1001/network": "good", "1001/serial": "good"}, "both devices")


def hurry(made: Machine, unit: str, *settings: str) -> None:
    """Other times than the unit's, until the next boot."""
    folder = f"/run/systemd/system/{unit}.service.d"
    text = "\n".join(["[Service]", *settings, ""])
    made.say("sh", "-ec", f"mkdir -p {folder}; cat > {folder}/hurried.conf; systemctl daemon-reload", stdin=text)


def test_both_run_as_users_of_their_own_and_start_with_the_machine(bank: Machine) -> None:
    for unit, user in ((SERVER, "branchfleet-server"), (AGENT, "branchfleet")):
        assert bank.say("systemctl", "is-active", unit).strip() == "active"
        assert bank.say("systemctl", "is-enabled", unit).strip() == "enabled"
        assert bank.say("stat", "--format=%U", f"/proc/{bank.shows(unit, 'MainPID')}").strip() == user


def test_the_sandbox_leaves_network_serial_port_spool_and_the_box_of_this_pcs_people(bank: Machine) -> None:
    all_good(bank)
    assert (bank.root / "var/lib/branchfleet-agent/spool.db").exists()
    assert (bank.root / "var/spool/branchfleet/now.json").exists()


def test_the_doctor_finds_all_well(bank: Machine) -> None:
    """Looked at from where the agent is: here, unlike on a real machine, the boot has another name inside a sandbox."""
    all_good(bank)
    there = ["nsenter", f"--target={bank.shows(AGENT, 'MainPID')}", "--mount", "runuser", "-u", "branchfleet", "--"]
    asked = [*there, AGENT, "doctor", "--home", "/var/lib/branchfleet-agent", "--lang", "en"]
    bank.comes(lambda: bank.try_to(*asked).returncode == 0, "the doctor to find all well")
    assert "[well]     1001/serial" in bank.say(*asked)


def _own_lines(bank: Machine, unit: str) -> list[dict[str, str]]:
    """Of the program itself, and not of systemd about it."""
    lines = bank.say("journalctl", f"--unit={unit}", "--output=json", "--no-pager").splitlines()
    return [line for line in map(json.loads, lines) if line.get("_COMM", "").startswith(("branchfleet", "python"))]


def test_what_they_say_is_in_the_journal_with_its_level(bank: Machine) -> None:
    bank.try_to(f"{PROGRAMS}/python", "-c", f"import urllib.request as w; w.urlopen('{URL.replace('https', 'http')}')")
    warnings = bank.say("journalctl", f"--unit={SERVER}", "--priority=warning", "--no-pager")
    assert "Somebody asks in plain HTTP" in warnings
    assert "INFO" not in warnings
    for unit in BOTH:
        bank.comes(partial(_own_lines, bank, unit), f"a line of {unit}")
        own = _own_lines(bank, unit)
        assert {line["PRIORITY"] for line in own} <= {"6", "4", "3"}
        assert not [line for line in own if line["MESSAGE"].startswith("<")]


def test_killed_they_come_back(bank: Machine) -> None:
    for unit in BOTH:
        hurry(bank, unit, "RestartSec=1")
    before = {unit: bank.shows(unit, "MainPID") for unit in BOTH}
    for unit in BOTH:
        bank.say("systemctl", "kill", "--signal=KILL", unit)

    def back() -> bool:
        now = {unit: (bank.shows(unit, "ActiveState"), bank.shows(unit, "MainPID")) for unit in BOTH}
        return all(state == "active" and pid not in ("0", before[unit]) for unit, (state, pid) in now.items())

    bank.comes(back, "both to be back")
    known = records(bank)
    bank.comes(lambda: records(bank) > known, "records")


def test_an_agent_that_stands_still_is_started_anew(bank: Machine) -> None:
    hurry(bank, AGENT, "WatchdogSec=8", "RestartSec=1")
    bank.say("systemctl", "restart", AGENT)
    stands = bank.shows(AGENT, "MainPID")
    bank.say("kill", "-STOP", stands)
    bank.comes(lambda: bank.shows(AGENT, "MainPID") not in ("0", stands), "another")
    bank.comes(lambda: bank.shows(AGENT, "ActiveState") == "active", "it to have begun")


def test_what_a_person_must_mend_is_not_tried_again(bank: Machine) -> None:
    bank.say("systemctl", "stop", AGENT)
    identity = "/var/lib/branchfleet-agent/identity.json"
    bank.say("mv", identity, identity + ".away")
    bank.try_to("systemctl", "start", AGENT)
    assert bank.shows(AGENT, "ActiveState") == "failed"
    assert bank.shows(AGENT, "ExecMainStatus") == "10"
    bank.say("mv", identity + ".away", identity)
    bank.say("systemctl", "start", AGENT)


def test_after_a_reboot_both_are_there_by_themselves_and_records_go_on(bank: Machine) -> None:
    bank.reboot()
    known = records(bank)
    bank.comes(lambda: records(bank) > known, "records of this boot")
    all_good(bank)
    assert {unit: bank.shows(unit, "NRestarts") for unit in BOTH} == dict.fromkeys(BOTH, "0")


def test_removed_the_agents_service_is_gone_and_its_folder_stays(bank: Machine) -> None:
    bank.say(AGENT, "service", "remove")
    assert bank.try_to("systemctl", "cat", AGENT).returncode != 0
    assert (bank.root / "var/lib/branchfleet-agent/spool.db").exists()
