"""A campaign over a thousand hosts, of which many cannot answer: it ends in exactly those reasons."""

from collections import Counter
from collections.abc import Callable

import msgspec
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, update
from sqlmodel import col

from agent.wire import Clock, Fact, Result
from server.agents.tables import AgentToken
from server.clock import SetClock
from server.ingest.tables import AgentSeen, RecordRow, Stream
from server.inventory.tables import Agent, Subject, SubjectKind
from server.orders.tables import AgentOrder
from server.schemas.people import Role
from server.storage.database import Database
from server.storage.types import FOREVER, new_uid
from tests.server.campaigns.conftest import begin, campaign, settle
from tests.server.orders.conftest import state_of

MANY = 1_000
FAILING = ("connectTimeout", "connectionRefused", "loginRefused", "runTimeout", "unreadableOutput", "noPermission")


def test_a_thousand_hosts_end_in_exactly_their_reasons(
    sign_in: Callable[..., TestClient], database: Database, bank: dict[str, int], now: SetClock
) -> None:
    """30 in 100 are off, 5 fail one way or another, 1 shows another host key, and 1 in 10 of the others fails."""
    keys = _hosts(database, bank["1002"], now())
    fates = {key: _fate(number) for number, key in enumerate(keys)}
    head = sign_in(Role.HEAD)
    uid = begin(head, branch="1002", seconds=3_600)["uid"]
    assert campaign(head, uid)["hosts"]["waiting"] == MANY
    now.forward(60)
    _answer(database, fates, now())
    settle(head)
    told = campaign(head, uid)
    assert (told["hosts"]["waiting"], told["hosts"]["off"], told["ended_at"]) == (300, 300, None)
    now.forward(7_200)
    settle(head)
    told = campaign(head, uid)
    wanted = Counter(fates.values())
    assert told["ended_at"] is not None
    assert {one["reason"]: one["count"] for one in told["reasons"]} == {
        reason: count for reason, count in wanted.items() if reason not in ("pass", "fail")
    }
    assert (wanted["off"], wanted["hostKeyChanged"]) == (300, 10)
    assert sum(wanted[reason] for reason in FAILING) == 50
    assert told["hosts"]["words"] == {
        "pass": wanted["pass"],
        "fail": wanted["fail"],
        "unknown": 0,
        "not_applicable": 0,
        "exempt": 0,
    }
    assert told["hosts"]["answered"] + told["hosts"]["undone"] == MANY
    assert state_of(head).followers["campaigns"].step() == 0


def _fate(number: int) -> str:
    place = number % 100
    if place < 30:
        return "off"
    if place < 35:
        return FAILING[number // 100 % len(FAILING)] if place != 34 else FAILING[(number // 100 + 3) % len(FAILING)]
    if place == 35:
        return "hostKeyChanged"
    return "fail" if place % 10 == 0 else "pass"


def _hosts(database: Database, branch: int, now: int) -> list[str]:
    keys = [f"1002-pc-{number:04}" for number in range(MANY)]
    with database.write() as session:
        rows = [
            {"kind": SubjectKind.AGENT, "key": key, "name": key, "branch_id": branch, "uid": new_uid()} for key in keys
        ]
        session.execute(insert(Subject), rows)
        found = select(col(Subject.id)).where(col(Subject.key).in_(keys)).order_by(col(Subject.key))
        ids = list(session.execute(found).scalars())
        session.execute(insert(Agent), [{"id": own} for own in ids])
        seen = {"version": "", "waiting": 0, "boot_id": "", "behind": False, "hindered": ""}
        session.execute(insert(AgentSeen), [{"agent_id": own, "at": now - 86_400_000_000, **seen} for own in ids])
        tokens = [{"token_hash": new_uid(), "agent_id": own, "expires_at": FOREVER} for own in ids]
        session.execute(insert(AgentToken), tokens)
    return keys


def _answer(database: Database, fates: dict[str, str], now: int) -> None:
    """What agents that are on say, as ingest writes it: first their facts, then the result."""
    asked = select(col(Subject.key), col(Subject.id), col(AgentOrder.uid))
    with database.write() as session:
        rows = session.execute(asked.join(AgentOrder, col(AgentOrder.agent_id) == col(Subject.id))).all()
        on = [row for row in rows if fates[row.key] != "off"]
        session.execute(insert(Stream), [{"agent_id": own, "uid": key, "first_seen": now} for key, own, _ in on])
        streams = {own: stream for own, stream in session.execute(select(col(Stream.agent_id), col(Stream.id)))}  # noqa: C416
        began, clock = (Clock(wall=now - ago, boot=now - ago, boot_id="boot-1") for ago in (1_000_000, 0))
        log = []
        for key, own, order in on:
            fate = fates[key]
            polls = {} if fate in ("pass", "fail") else {key: fate}
            ports = ["22", "23"] if fate == "fail" else ["22"]
            records = [
                Fact(seq=1, clock=clock, host="PC", topic="host", facts={"os.family": "linux"}),
                Fact(seq=2, clock=clock, host="PC", topic="network", facts={"ports.tcp": ports}),
                Result(seq=3, clock=clock, order=order, done=True, polls=polls, began=began),
            ]
            row = {"stream_id": streams[own], "subject_id": own, "at": now, "arrived": now, "confidence": 0}
            row |= {"wall": now, "boot": now, "boot_id": "boot-1"}
            for record in records:
                kind = "fact" if isinstance(record, Fact) else "result"
                log.append({**row, "seq": record.seq, "kind": kind, "body": msgspec.msgpack.encode(record)})
        session.execute(insert(RecordRow), log)
        heard = [own for _, own, _ in on]
        session.execute(update(AgentSeen).where(col(AgentSeen.agent_id).in_(heard)).values(at=now))
