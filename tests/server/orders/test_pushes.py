"""What people push: to whom it goes, who may, how each order ends, and what is told of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from agent.wire import Finding
from server.agents.tables import AgentIdentity, AgentKey, KeyStanding
from server.clock import SetClock
from server.events.tables import Invalidation
from server.ingest.tables import RecordRow
from server.journal.merkle import merkle_root
from server.journal.tables import JournalRow
from server.orders.results import line
from server.orders.tables import AgentOrder, Push
from server.schemas.orders import OrderState
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.orders.conftest import Asks, orders, push, settle, state_of, states

SignIn = Callable[..., TestClient]
ATM = "1001/atm-1"
SECOND = 1_000_000


def test_every_agent_that_polls_a_position_is_asked_for_it(sign_in: SignIn, asking: Asks) -> None:
    pc, centre = asking("1001-pc"), asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, about=ATM)
    assert (made["total"], made["counts"]["waiting"], made["ended_at"]) == (2, 2, None)
    for agent in (pc, centre):
        (order,) = agent.ask(wait=30).orders
        assert (order.what, order.positions) == ("poll", [ATM])
        assert order.seconds == 120
        agent.tell(order.uid, polls={ATM: ""})
    ended = head.get(f"/api/pushes/{made['uid']}").json()
    assert (ended["counts"]["done"], ended["positions"], ended["unread"]) == (2, 2, 0)
    assert ended["ended_at"] is not None


def test_of_a_branch_each_agent_gets_the_positions_and_lines_it_polls(sign_in: SignIn, asking: Asks) -> None:
    pc, centre = asking("1001-pc"), asking("centre")
    push(sign_in(Role.HEAD), about="1001")
    assert pc.ask(wait=30).orders[0].positions == [ATM, "1001/printer-1"]
    assert centre.ask(wait=30).orders[0].positions == [ATM, "1001/line/main"]


@pytest.mark.parametrize("about", ["centre", ""])
def test_of_an_agent_or_all_no_position_is_named(sign_in: SignIn, asking: Asks, about: str) -> None:
    centre = asking("centre")
    push(sign_in(Role.HEAD), about=about)
    assert centre.ask(wait=30).orders[0].positions == []


def test_facts_of_a_branch_are_asked_of_the_agents_that_stand_there(sign_in: SignIn, asking: Asks) -> None:
    pc, _ = asking("1001-pc"), asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "facts", "1001")
    assert [row["agent"] for row in orders(head, made["uid"])] == ["1001-pc"]
    assert pc.ask(wait=30).orders[0].what == "facts"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"what": "poll", "about": "100101/pos-1"}, 409),  # nobody polls it
        ({"what": "facts", "about": "1002"}, 409),  # no agent stands there
        ({"what": "poll", "about": "nowhere"}, 404),
        ({"what": "format-disk", "about": "1001"}, 422),
        ({"what": "poll", "about": "1001", "window": "24:00-06:00"}, 422),
        ({"what": "poll", "about": "1001", "window": "08:00-08:00"}, 422),
        ({"what": "poll", "about": "1001", "window": "20:00-21:00", "seconds": 60}, 422),  # it is noon
        ({"what": "poll", "about": "1001", "starts": 9_000_000_000_000_000}, 422),
        ({"what": "poll", "about": "1001", "starts": 1_000_000}, 422),  # past: it does not silently mean now
    ],
)
def test_a_push_that_cannot_be_is_told_so(sign_in: SignIn, said: dict[str, Any], status: int) -> None:
    head = sign_in(Role.HEAD)
    answer = head.post("/api/pushes", json=said)
    assert (answer.status_code, bool(answer.json()["detail"])) == (status, True)
    assert head.get("/api/pushes").json()["total"] == 0


@pytest.mark.parametrize(
    ("role", "branches", "what", "about", "status"),
    [
        (Role.BRANCH, ["1001"], "poll", "1001", 201),
        (Role.BRANCH, ["1001"], "poll", ATM, 201),
        (Role.BRANCH, ["1001"], "poll", "1002", 404),
        (Role.BRANCH, ["1001"], "poll", "1002/atm-1", 404),
        (Role.BRANCH, ["1001"], "poll", "1001-pc", 403),
        (Role.BRANCH, ["1001"], "poll", "", 403),
        (Role.BRANCH, ["1001"], "facts", "1001", 403),
        (Role.AUDITOR, None, "poll", "1001", 403),
    ],
)
def test_a_branch_polls_what_is_its_own_and_nothing_else(
    sign_in: SignIn, asking: Asks, role: Role, branches: list[str] | None, what: str, about: str, status: int
) -> None:
    asking("1001-pc")
    answer = sign_in(role, branches).post("/api/pushes", json={"what": what, "about": about})
    assert answer.status_code == status, answer.text


def test_a_branch_sees_pushes_about_itself_and_an_auditor_all(sign_in: SignIn, asking: Asks) -> None:
    asking("1001-pc")
    head, branch, auditor = sign_in(Role.HEAD), sign_in(Role.BRANCH, ["1002"]), sign_in(Role.AUDITOR)
    other, mine, everything = (push(head, about=about)["uid"] for about in ("1001", "1002", ""))
    assert [row["uid"] for row in branch.get("/api/pushes").json()["rows"]] == [mine]  # no agent stands in 1002
    assert [row["uid"] for row in auditor.get("/api/pushes").json()["rows"]] == [everything, mine, other]
    for hidden in (other, everything, "none"):
        assert branch.get(f"/api/pushes/{hidden}").status_code == 404
        assert branch.get(f"/api/pushes/{hidden}/orders").status_code == 404
        assert branch.post(f"/api/pushes/{hidden}/cancel").status_code == 404
    assert branch.post(f"/api/pushes/{mine}/cancel").status_code == 403  # it is head office's
    assert auditor.post(f"/api/pushes/{mine}/cancel").status_code == 403
    rows = head.get("/api/pushes", params={"about": "1002"}).json()["rows"]
    assert [row["uid"] for row in rows] == [everything, mine]  # the centre's agent polls a machine there


def test_of_a_push_about_the_whole_bank_a_branch_sees_what_its_own_agents_do(sign_in: SignIn, asking: Asks) -> None:
    pc, centre = asking("1001-pc"), asking("centre")
    head, branch = sign_in(Role.HEAD), sign_in(Role.BRANCH, ["1001"])
    uid = push(head)["uid"]
    for agent, polled in ((pc, {ATM: ""}), (centre, {ATM: "", "1002/atm-1": "timeout"})):
        (order,) = agent.ask(wait=30).orders
        agent.tell(order.uid, polls=polled)
    (seen,) = branch.get("/api/pushes", params={"about": "1001"}).json()["rows"]
    assert (seen["uid"], seen["total"], seen["counts"]["done"], seen["positions"]) == (uid, 1, 1, 1)
    assert branch.get(f"/api/pushes/{uid}").json() == seen
    assert [row["agent"] for row in orders(branch, uid)] == ["1001-pc"]
    assert branch.post(f"/api/pushes/{uid}/cancel").status_code == 403
    whole = head.get(f"/api/pushes/{uid}").json()
    assert (whole["total"], whole["positions"], whole["unread"]) == (2, 3, 1)


@pytest.mark.parametrize(
    ("identity", "sentence"),
    [
        (None, "No PC is enrolled as this agent."),
        ({"revoked_at": 1}, "The agent was revoked: nobody speaks as it."),
        ({"quarantined_at": 1}, "The agent is in quarantine: two programs spoke as it."),
    ],
)
def test_of_agents_nobody_may_speak_as_the_order_ends_at_once(
    sign_in: SignIn, database: Database, bank: dict[str, int], identity: dict[str, Any] | None, sentence: str
) -> None:
    if identity:
        with database.write() as session:
            session.add(AgentIdentity(agent_id=bank["centre"], **identity))
    head = sign_in(Role.HEAD)
    made = push(head, "doctor", "centre")
    assert (made["counts"]["refused"], made["ended_at"] is not None) == (1, True)
    assert [(row["state"], row["why"]) for row in orders(head, made["uid"])] == [("refused", sentence)]


def test_a_pc_that_is_switched_off_gets_its_order_when_it_comes(
    sign_in: SignIn, asking: Asks, database: Database, bank: dict[str, int], now: SetClock
) -> None:
    with database.write() as session:  # enrolled, and without a token since last night
        facts: dict[str, Any] = {"made_at": 1, "host": "", "system": "", "address": ""}
        session.add(AgentKey(public_key="00", agent_id=bank["centre"], standing=KeyStanding.GOOD, **facts))
    head = sign_in(Role.HEAD)
    made = push(head, "spool", "centre", seconds=86_400)
    now.forward(40_000)
    (order,) = asking("centre").ask(wait=30).orders
    assert order.seconds == 86_400 - 40_000
    assert states(head, made["uid"]) == {"centre": "handed"}


@pytest.mark.parametrize(
    ("said", "state", "why"),
    [
        ({"done": True}, "done", ""),
        ({"why": "unknown"}, "refused", "Its agent is older than this kind of order and does not know it."),
        ({"why": "notMine"}, "refused", "None of the positions is its agent's any more."),
        ({"why": "late"}, "expired", "The agent had it and could not begin it in time."),
        ({"why": "cancelled"}, "cancelled", "It was cancelled before it was begun."),
        ({"why": "interrupted"}, "failed", "The agent ended in the middle of it; it is not begun again."),
        ({"why": "time"}, "failed", "It took too long."),
        ({"why": "error", "said": "disk\x00 full"}, "failed", "It failed: disk  full"),
        ({"why": "tired", "said": "so"}, "failed", "The agent did not do it: tired so"),
        ({}, "failed", "It failed: —"),
    ],
)
def test_an_order_ends_as_its_agent_says(
    sign_in: SignIn, asking: Asks, said: dict[str, Any], state: str, why: str
) -> None:
    centre = asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "assignment", "centre")
    centre.tell(centre.ask(wait=30).orders[0].uid, **{"done": False, **said})
    (row,) = orders(head, made["uid"])
    assert (row["state"], row["why"]) == (state, why)
    assert head.get(f"/api/pushes/{made['uid']}").json()["counts"][state] == 1


def test_the_first_result_of_the_orders_own_agent_counts_and_no_other(sign_in: SignIn, asking: Asks) -> None:
    pc, centre = asking("1001-pc"), asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "spool", "centre")
    uid = centre.ask(wait=30).orders[0].uid
    pc.tell(uid, done=False, why="error")
    centre.tell("no-such-order")
    assert states(head, made["uid"]) == {"centre": "handed"}
    first = centre.result(uid, detail={"records": 7})
    centre.send(first)
    centre.send(first)  # the ack was lost
    centre.tell(uid, done=False, why="interrupted")  # by a defect
    (row,) = orders(head, made["uid"])
    assert (row["state"], row["detail"]) == ("done", {"records": 7})


def test_a_failed_poll_is_told_with_its_reason_in_the_persons_language(sign_in: SignIn, asking: Asks) -> None:
    centre = asking("centre")
    made = push(sign_in(Role.HEAD), about="1001")
    centre.tell(centre.ask(wait=30).orders[0].uid, polls={ATM: "noAnswer", "1001/line/main": "", "1002/atm-1": ""})
    for lang in ("en", "zh"):
        person = sign_in(Role.HEAD, lang=lang)
        row = next(row for row in orders(person, made["uid"]) if row["agent"] == "centre")
        assert list(row["polls"]) == [ATM, "1001/line/main"]  # only what it was asked for
        assert row["polls"][ATM] not in ("", "noAnswer")
        assert (row["polls"][ATM].isascii(), row["polls"]["1001/line/main"]) == (lang == "en", "")
    shown = person.get(f"/api/pushes/{made['uid']}").json()
    assert (shown["positions"], shown["unread"]) == (2, 1)


def test_what_a_doctor_found_is_told_in_the_persons_language(sign_in: SignIn, asking: Asks) -> None:
    centre = asking("centre")
    made = push(sign_in(Role.HEAD), "doctor", "centre")
    hostile = "[/x]\x1b[2J" + "y" * 9_000
    found = [
        Finding("clock", False, "时钟不准", "The clock is wrong", "请校时", "Set it"),
        Finding(hostile, None, "", hostile),
    ]
    centre.tell(centre.ask(wait=30).orders[0].uid, findings=found)
    (row,) = orders(sign_in(Role.HEAD, lang="zh"), made["uid"])
    assert row["findings"][0] == {"what": "clock", "good": False, "sentence": "时钟不准", "mend": "请校时"}
    (row,) = orders(sign_in(Role.HEAD), made["uid"])
    assert row["findings"][0]["sentence"] == "The clock is wrong"
    assert "\x1b" not in json.dumps(row, ensure_ascii=False)
    assert len(row["findings"][1]["sentence"]) == 500


def test_what_was_never_handed_out_expires_and_says_since_when_its_pc_is_silent(
    sign_in: SignIn, asking: Asks, client: TestClient, now: SetClock
) -> None:
    pc, _ = asking("1001-pc"), asking("centre")
    pc.send()  # at noon it was heard
    now.forward(3600)
    head = sign_in(Role.HEAD)
    made = push(head, about=ATM, seconds=600)
    now.forward(599)
    settle(client)
    assert states(head, made["uid"]) == {"1001-pc": "waiting", "centre": "waiting"}
    now.forward(1)
    settle(client)
    assert {row["agent"]: (row["state"], row["why"]) for row in orders(head, made["uid"])} == {
        "1001-pc": ("expired", "The PC was not connected to the server: it has been silent since 2026-11-04 12:00."),
        "centre": ("expired", "The PC was never connected to the server."),
    }
    assert head.get(f"/api/pushes/{made['uid']}").json()["ended_at"] == now()


@pytest.mark.parametrize("handed", [False, True])
def test_an_agent_that_can_write_nothing_down_takes_no_orders_and_that_is_said(
    sign_in: SignIn, asking: Asks, client: TestClient, now: SetClock, *, handed: bool
) -> None:
    centre = asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "facts", "centre")
    assert not handed or centre.ask().orders
    now.forward(60)
    centre.send(hindered="full")
    now.forward(60 + 60)
    settle(client)
    (row,) = orders(head, made["uid"])
    assert row["state"] == "expired"
    assert row["why"] == "The disk of the agent is full or cannot be written: it takes no orders."


def test_an_agent_that_sends_and_never_asks_is_older_than_orders(
    sign_in: SignIn, asking: Asks, client: TestClient, now: SetClock
) -> None:
    centre = asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "facts", "centre")
    now.forward(60)
    centre.send()
    now.forward(60)
    settle(client)
    (row,) = orders(head, made["uid"])
    assert row["why"] == "The PC was connected and its agent asked for no orders: it is older than they are."


def test_what_was_handed_and_not_answered_expires_later_and_its_result_is_the_truth_after_all(
    sign_in: SignIn, asking: Asks, client: TestClient, now: SetClock, database: Database
) -> None:
    centre = asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "doctor", "centre")
    (order,) = centre.ask(wait=30).orders
    result = centre.result(order.uid)
    answered = now()
    now.forward(179)
    settle(client)
    assert states(head, made["uid"]) == {"centre": "handed"}  # begun in time, it may take a minute
    now.forward(1)
    settle(client)
    (row,) = orders(head, made["uid"])
    assert (row["state"], row["why"]) == (
        "expired",
        "It was sent to the agent, which never answered: whether it arrived is not known.",
    )
    now.forward(7_200)
    centre.send(result)
    (row,) = orders(head, made["uid"])
    assert (row["state"], row["why"], row["ended_at"]) == ("done", "", answered)
    assert head.get(f"/api/pushes/{made['uid']}").json()["counts"]["done"] == 1
    with database.read() as session:
        deeds = [row.deed for row in session.exec(select(JournalRow).where(col(JournalRow.deed).startswith("push.")))]
    assert deeds == ["push.make", "push.end", "push.amend"]


def test_a_cancelled_order_is_told_to_who_has_it_and_what_was_begun_is_the_truth(sign_in: SignIn, asking: Asks) -> None:
    pc, centre = asking("1001-pc"), asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, about=ATM)
    uid = pc.ask(wait=30).orders[0].uid
    cancelled = head.post(f"/api/pushes/{made['uid']}/cancel").json()
    assert (cancelled["counts"]["cancelled"], cancelled["cancelled_by"]) == (2, "head-all")
    assert cancelled["ended_at"] is not None
    assert centre.ask(wait=0.3).orders == []
    assert pc.ask(uid, wait=30).cancelled == [uid]
    assert {row["why"] for row in orders(head, made["uid"])} == {"It was cancelled by head-all."}
    assert head.post(f"/api/pushes/{made['uid']}/cancel").status_code == 409
    pc.tell(uid, polls={ATM: ""})
    assert states(head, made["uid"]) == {"1001-pc": "done", "centre": "cancelled"}


def test_a_branch_cancels_what_it_pushed(sign_in: SignIn, asking: Asks) -> None:
    asking("1001-pc")
    branch = sign_in(Role.BRANCH, ["1001"])
    made = push(branch, about=ATM)
    assert branch.post(f"/api/pushes/{made['uid']}/cancel").status_code == 200


def test_those_that_were_not_done_come_first_and_can_be_asked_for(sign_in: SignIn, asking: Asks) -> None:
    pc, centre = asking("1001-pc"), asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, about=ATM)
    pc.tell(pc.ask(wait=30).orders[0].uid)
    assert [row["agent"] for row in orders(head, made["uid"])] == ["centre", "1001-pc"]
    centre.tell(centre.ask(wait=30).orders[0].uid, done=False, why="time")
    assert [row["agent"] for row in orders(head, made["uid"], state=["failed", "expired"])] == ["centre"]
    page = head.get(f"/api/pushes/{made['uid']}/orders", params={"offset": 1, "limit": 1}).json()
    assert ([row["agent"] for row in page["rows"]], page["total"]) == (["1001-pc"], 2)


def test_the_journal_has_the_deed_and_a_root_that_stands_for_every_order(
    sign_in: SignIn, asking: Asks, database: Database
) -> None:
    pc, centre = asking("1001-pc"), asking("centre")
    made = push(sign_in(Role.HEAD), about=ATM, reason="柜员说没有反应")
    for agent in (pc, centre):
        agent.tell(agent.ask(wait=30).orders[0].uid, polls={ATM: ""})
    with database.read() as session:
        wanted = select(JournalRow).where(JournalRow.about == f"push:{made['uid']}").order_by(col(JournalRow.seq))
        begun, ended = session.exec(wanted).all()
        lines = [line(order) for order in session.exec(select(AgentOrder).order_by(col(AgentOrder.id)))]
    assert (begun.deed, begun.actor, begun.reason) == ("push.make", "head-all", "柜员说没有反应")
    assert (ended.deed, ended.actor) == ("push.end", "system")
    after = json.loads(ended.after or "")
    assert (after["states"], after["polled"], after["root"]) == ({"done": 2}, 2, merkle_root(lines))


def test_many_results_at_once_have_screens_look_once(
    sign_in: SignIn, asking: Asks, client: TestClient, database: Database, bank: dict[str, int]
) -> None:
    centre = asking("centre")
    head = sign_in(Role.HEAD)
    made = [push(head, "spool", "centre")["uid"] for _ in range(3)]
    told: list[str] = []
    while len(told) < 3:
        told += [order.uid for order in centre.ask(*told, wait=30).orders]

    def published() -> list[str]:
        with database.read() as session:
            return list(session.exec(select(Invalidation.key).where(Invalidation.topic == "push")))

    before = len(published())
    centre.send(*(centre.result(uid) for uid in told))
    assert sorted(published()[before:]) == sorted(made)
    with database.read() as session:
        assert {row.branch_id for row in session.exec(select(Invalidation).where(Invalidation.topic == "push"))} == {
            bank["0001"]
        }


def test_a_result_the_server_stumbles_over_stops_no_other(
    sign_in: SignIn, asking: Asks, client: TestClient, database: Database
) -> None:
    centre = asking("centre")
    head = sign_in(Role.HEAD)
    made = push(head, "spool", "centre")
    (order,) = centre.ask(wait=30).orders
    centre.tell("of no order")
    with database.write() as session:
        first = session.exec(select(RecordRow).where(RecordRow.kind == "result")).one()
        damaged = first.model_dump() | {"id": (first.id or 0) + 1, "seq": 99, "body": b"\xc1"}
        session.add(RecordRow(**damaged))
        session.flush()
        if not database.sqlite:  # the id was said, so PostgreSQL does not know that it is taken
            _skip_id(session)
    centre.tell(order.uid)
    assert states(head, made["uid"]) == {"centre": "done"}


def _skip_id(session: Session) -> None:
    session.connection().execute(text("SELECT nextval(pg_get_serial_sequence('record', 'id'))"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": OrderState.DONE, "ended_at": None, "answered": True},
        {"state": OrderState.DONE, "ended_at": 1},
        {"state": OrderState.WAITING, "ended_at": 1},
        {"state": OrderState.HANDED},
    ],
)
def test_the_table_itself_refuses(database: Database, bank: dict[str, int], wrong: dict[str, Any]) -> None:
    with database.write() as session:
        made = Push(what="poll", by="x", at=1, starts=1, expires=2, total=1)
        session.add(made)
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(AgentOrder(push_id=made.id or 0, agent_id=bank["centre"], **wrong))


def test_one_person_has_not_too_many_under_way(sign_in: SignIn, asking: Asks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.orders.deeds.OPEN_AT_MOST", 2)
    asking("centre")
    head = sign_in(Role.HEAD)
    ask = {"what": "facts", "about": "centre"}
    planned: dict[str, Any] = {**ask, "seconds": 86_400}
    for _ in range(2):
        push(head, **planned)
    refused = head.post("/api/pushes", json=planned)
    assert (refused.status_code, "within an hour" in refused.json()["detail"]) == (409, True)
    for _ in range(2):
        push(head, **ask)  # what is planned for long is in nobody's way
    assert head.post("/api/pushes", json=ask).status_code == 409


def test_a_push_says_when_it_is_handed_out_next(sign_in: SignIn, asking: Asks, now: SetClock) -> None:
    asking("centre")
    head = sign_in(Role.HEAD)
    assert push(head, "facts", "centre")["opens"] is None  # now
    later = now() + 600 * SECOND
    assert push(head, "facts", "centre", starts=later)["opens"] == later
    made = push(head, "facts", "centre", window="17:30-08:00", seconds=86_400)  # it is noon
    assert made["opens"] == now() + int(5.5 * 3600) * SECOND
    now.forward(6 * 3600)
    assert head.get(f"/api/pushes/{made['uid']}").json()["opens"] is None


def test_an_agent_that_asks_too_often_is_told(asking: Asks, client: TestClient, bank: dict[str, int]) -> None:
    centre = asking("centre")
    assert centre.asked(wait=0.01).status_code == 200
    state_of(client).limits.agent.take(bank["centre"], 10_000)
    assert centre.asked(wait=30).status_code == 429
