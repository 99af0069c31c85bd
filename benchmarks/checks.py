"""How quick a new check judges many hosts: `python -m benchmarks.checks [--hosts N]`.

Facts are known and in memory; then all of them are also read from a temporary SQLite file. Hosts are as
unlike as a bank's: 14 builds, libraries of 40 days, ports, networks, updates and software of their own, a tenth told
too long ago, one in twenty never told anything. For each check: hosts a second with the memo and without it, and how
many verdicts were worked out.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from server.checks.bank import Bank, Baseline, newest_libraries
from server.checks.check import Check, read_check
from server.checks.judging import Judge, judge
from server.checks.kept import shipped
from server.checks.sheets import DAY, Host, Sheet
from server.checks.told import sheets_of
from server.facts.tables import FactSheet
from server.inventory.tables import Agent, Branch, Subject, SubjectKind
from server.loadtest.figures import machine
from server.migrations import upgrade
from server.storage.database import Database

NOW = 1_795_996_800_000_000
BUILDS = (
    *("2600.", "7601.", "9600.20000", "14393.953", "14393.8000", "17763.5000", "19044.6456", "19045.6456"),
    *("19045.5011", "22621.4000", "22631.6000", "26100.7000", "26200.7171", "26200.6000"),
)
WITHOUT_MEMO = 2_000  # hosts: enough for a figure
SOFTWARE = """\
id = "no-remote-tools"
title = "没有远程控制软件"
title_en = "No remote control"
clause = "x"
severity = "major"
fresh = "7d"
applies = "true"
passes = '!f["software"].exists(s, s.startsWith("ToDesk") || s.startsWith("TeamViewer"))'
[mend]
zh = ["卸载"]
en = ["Remove it"]
"""


def host(number: int, chance: random.Random) -> Host:
    if chance.random() < 0.05:
        return Host(f"h{number}", {})
    at = NOW - int((chance.random() * 2 + (20 if chance.random() < 0.1 else 0)) * DAY)
    build = chance.choice(BUILDS)
    some = [str(chance.randrange(1024, 60_000)) for _ in range(chance.randrange(4))]
    facts: dict[str, dict[str, Any]] = {
        "host": {
            "os.family": "win32",
            "os.build": build,
            "os.edition": "Professional",
            "reboot.pending": number % 9 == 0,
        },
        "updates": {
            "file.srv.sys": f"10.0.{build}" if int(build.split(".")[0]) > 10_000 else "6.1.7601.23689",
            "updates.qfe": [f"KB50{chance.randrange(30):05}" for _ in range(6)],
        },
        "network": {
            "ports.tcp": ["135", *(["445"] if chance.random() < 0.4 else []), *some],
            "ports.udp": ["5353"],
            "shares": chance.choice([["IPC$"], ["C$", "ADMIN$", "IPC$"]]),
            "smb1.server": False,
            "networks": [f"eth 10.{number >> 8 & 255}.{number & 255}.5/24"],
        },
        "antivirus": {
            "av.count": 1,
            "av.1.product": chance.choice(["趋势", "Defender", "天擎"]),
            "av.1.library_at": NOW - chance.randrange(40) * DAY,
            "av.1.realtime": chance.random() < 0.97,
        },
        "policy": {"usb.storage": chance.choice(["allowed", "denied"]), "licence": "licensed"},
        "software": {"software": [f"program {chance.randrange(300)}\t{number % 7}.1" for _ in range(60)]},
    }
    return Host(f"h{number}", {topic: Sheet(at, said) for topic, said in facts.items()})


def judging(check: Check, hosts: list[Host], bank: Bank) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    one = Judge(check, bank, NOW)
    good = sum(one.verdict(host).word == "pass" for host in hosts)
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    began = time.perf_counter()
    few = hosts[:WITHOUT_MEMO]
    for host in few:
        judge(check, host, bank, NOW)
    plain = (time.perf_counter() - began) / len(few) * len(hosts)
    print(
        f"{check.id:24} {spent:6.2f} s, {cpu:6.2f} CPU-seconds, {len(hosts) / spent:9,.0f} hosts/s; "
        f"{one.worked:7,} worked out; without the memo {plain:6.2f} s; {good:,} pass",
        flush=True,
    )


def fill(session: Session, hosts: list[Host]) -> list[int]:
    session.add(Subject(id=1, kind=SubjectKind.BRANCH, key="1001", name="x", branch_id=1))
    session.flush()
    session.add(Branch(id=1, kind="branch"))
    own = range(2, 2 + len(hosts))
    session.execute(
        insert(Subject), [{"id": n, "kind": "agent", "key": f"a{n}", "name": "x", "branch_id": 1} for n in own]
    )
    session.execute(insert(Agent), [{"id": n} for n in own])
    session.flush()
    rows = [
        {"subject_id": n, "topic": topic, "at": sheet.at, "arrived": sheet.at, "record": n, "host": host.key}
        | {"facts": dict(sheet.facts), "unread": dict(sheet.unread)}
        for n, host in zip(own, hosts, strict=True)
        for topic, sheet in host.sheets.items()
    ]
    session.execute(insert(FactSheet), rows)
    return list(own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=100_000)
    given = parser.parse_args()
    print(f"On: {machine()}")
    chance = random.Random(7)
    hosts = [host(number, chance) for number in range(given.hosts)]
    began = time.perf_counter()
    newest = newest_libraries(hosts, NOW)
    print(f"{given.hosts:,} hosts; the newest libraries of the bank in {time.perf_counter() - began:.2f} s")
    bank = Bank(newest=newest, baselines={"19045": Baseline(ubr=6000), "26200": Baseline(ubr=7000)})
    for check in (*shipped(), read_check(SOFTWARE, "software")):
        judging(check, hosts, bank)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        upgrade(database)
        with database.write() as session:
            subjects = fill(session, hosts)
        with database.read() as session:
            began, cpu = time.perf_counter(), time.process_time()
            found = sheets_of(session, subjects)
            spent, cpu = time.perf_counter() - began, time.process_time() - cpu
        print(f"read from the database, all topics: {spent:.2f} s, {cpu:.2f} CPU-seconds, {len(found):,} hosts")
        database.close()


if __name__ == "__main__":
    main()
