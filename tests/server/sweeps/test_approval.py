"""Who asks for a sweep, who approves it, and that nothing is sent before. Over the API, with a real order."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from fastapi.testclient import TestClient

from agent.wire import Why
from server.clock import SetClock
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.orders.conftest import settle

if TYPE_CHECKING:
    from tests.server.sweeps.conftest import Sweeper
else:
    Sweeper = Any

SignIn = Callable[..., TestClient]
Sweeps = Callable[[str], Sweeper]
NET = "10.1.1.0/24"


def asked(person: TestClient, prefix: str = NET, status: int = 201, **said: Any) -> Any:
    answer = person.post("/api/network/sweeps", json={"prefix": prefix, "agent": "1001-pc", **said})
    assert answer.status_code == status, answer.text
    return answer.json()


def does(person: TestClient, uid: str, deed: str, status: int = 200, **said: Any) -> Any:
    answer = person.post(f"/api/network/sweeps/{uid}/{deed}", json=said or None)
    assert answer.status_code == status, answer.text
    return answer.json()


def shown(person: TestClient, uid: str) -> Any:
    return person.get(f"/api/network/sweeps/{uid}").json()


def deeds(person: TestClient, uid: str) -> list[tuple[str, str]]:
    rows = person.get("/api/journal", params={"about": f"sweep:{uid}"}).json()["rows"]
    return [(row["deed"], row["actor"]) for row in reversed(rows)]


def test_what_one_asked_for_is_sent_when_another_approved_it(li: TestClient, wang: TestClient, sweeper: Sweeps) -> None:
    pc = sweeper("1001-pc")
    made = asked(li, reason="查私接设备", rate=3)
    assert (made["state"], made["by"], made["approvers"], made["zone"], made["branch"]) == (
        *("asked", "head-all", 1, "办公网", "1001"),
    )
    assert pc.ask(wait=0).orders == []
    approved = does(wang, made["uid"], "approve")
    assert (approved["state"], approved["decided_by"]) == ("approved", "head-1002")
    [order] = pc.ask(wait=30).orders
    assert (order.what, order.prefix, order.rate, order.positions) == ("sweep", NET, 3, [])
    sent = shown(li, made["uid"])
    assert (sent["state"], "has not told yet that it began" in sent["why"]) == ("approved", True)
    pc.say("sweep", {"sweep.order": order.uid, "sweep.of": 253, "sweep.asked": 40, "sweep.answered": 7})
    half = shown(li, made["uid"])
    assert (half["of"], half["asked"], half["answered"], half["state"]) == (253, 40, 7, "running")
    pc.found(order.uid, "10.1.1.7 00:1b:21:0a:00:77 eth0")
    done = shown(li, made["uid"])
    assert (done["state"], done["asked"], done["answered"], done["ended_at"] is None) == ("done", 253, 1, False)
    assert deeds(li, made["uid"]) == [("sweep.ask", "head-all"), ("sweep.approve", "head-1002")]


def test_nobody_decides_what_they_asked_for_not_even_in_the_database(
    li: TestClient, database: Database, sweeper: Sweeps
) -> None:
    uid = asked(li)["uid"]
    assert "another person of head office" in does(li, uid, "approve", 403)["detail"]
    assert "cancel it instead" in does(li, uid, "refuse", 403, reason="x")["detail"]
    assert sweeper("1001-pc").ask(wait=0).orders == []
    with pytest.raises(sqlalchemy.exc.IntegrityError), database.write() as session:
        session.execute(sqlalchemy.text("UPDATE sweep SET decided_by = made_by, decided_at = at"))


def test_a_bank_with_one_account_of_head_office_is_told_that_it_needs_another(li: TestClient, sign_in: SignIn) -> None:
    assert asked(li)["approvers"] == 0
    sign_in(Role.HEAD, ["1002"])
    assert li.get("/api/network/sweeps").json()["rows"][0]["approvers"] == 1


def test_who_is_not_of_head_office_decides_nothing_and_sees_their_own(
    li: TestClient, wang: TestClient, sign_in: SignIn
) -> None:
    uid = asked(li)["uid"]
    own, other, auditor = sign_in(Role.BRANCH, ["1001"]), sign_in(Role.BRANCH, ["1002"]), sign_in(Role.AUDITOR)
    for person in (own, other, auditor):
        asked(person, status=403)
        for deed, said in (("approve", {}), ("refuse", {"reason": "x"}), ("cancel", {})):
            does(person, uid, deed, 403, **said)
    seen = {name: p.get("/api/network/sweeps").json()["total"] for name, p in (("own", own), ("other", other))}
    assert seen == {"own": 1, "other": 0}
    assert (auditor.get("/api/network/sweeps").json()["waiting"], shown(auditor, uid)["state"]) == (1, "asked")
    assert other.get(f"/api/network/sweeps/{uid}").status_code == 404
    waits = [person.get("/api/network/lists/missing").json()["waiting"] for person in (li, own, other)]
    assert waits == [1, 1, 0]


def test_a_refusal_says_why_and_is_the_end(li: TestClient, wang: TestClient, sweeper: Sweeps) -> None:
    uid = asked(li)["uid"]
    does(wang, uid, "refuse", 422, reason="  ")
    told = does(wang, uid, "refuse", reason="营业时间不扫")
    assert (told["state"], told["why"], told["decided_by"]) == ("refused", "营业时间不扫", "head-1002")
    assert "decided already, by head-1002" in does(wang, uid, "approve", 409)["detail"]
    does(li, uid, "cancel", 409)
    assert sweeper("1001-pc").ask(wait=0).orders == []
    assert deeds(li, uid)[-1] == ("sweep.refuse", "head-1002")


def test_what_nobody_approved_in_time_lapses(li: TestClient, wang: TestClient, now: SetClock) -> None:
    uid = asked(li, seconds=600)["uid"]
    now.forward(601)
    assert (shown(li, uid)["state"], li.get("/api/network/sweeps").json()["waiting"]) == ("lapsed", 0)
    assert "has lapsed" in does(wang, uid, "approve", 409)["detail"]
    does(li, uid, "cancel", 409)


def test_an_approval_lapses_too_and_is_not_begun_without_the_time_to_end(
    li: TestClient, wang: TestClient, sweeper: Sweeps, client: TestClient, now: SetClock
) -> None:
    """253 addresses of two a second, and a minute besides: 188 s."""
    pc = sweeper("1001-pc")
    uid = asked(li, seconds=600)["uid"]
    assert does(wang, uid, "approve")["takes"] == 188
    now.forward(600 - 187)
    assert pc.ask(wait=0).orders == []
    now.forward(188)
    settle(client)
    assert shown(li, uid)["state"] == "expired"


def test_it_is_begun_only_within_its_hours(
    li: TestClient, wang: TestClient, sweeper: Sweeps, now: SetClock, sign_in: SignIn
) -> None:
    """The bank's noon is now; its hours open at ten in the evening."""
    pc = sweeper("1001-pc")
    uid = asked(li, seconds=2 * 86_400, window="22:00-22:30")["uid"]
    opens = does(wang, uid, "approve")["opens"]
    assert pc.ask(wait=0).orders == []
    now.forward((opens - now()) / 1_000_000 + 1800 - 100)  # too late for today
    assert pc.ask(wait=0).orders == []
    now.forward(86_400 - 1800 + 200)
    [order] = pc.ask(wait=30).orders
    assert order.seconds == pytest.approx(1800 - 100 - 188, abs=1)
    assert "there is no such time" in asked(sign_in(), "10.1.1.0/25", 422, window="22:00-22:01")["detail"]


def test_a_sweep_that_waits_or_runs_is_cancelled_and_its_agent_is_told(
    li: TestClient, wang: TestClient, sweeper: Sweeps
) -> None:
    waits = asked(li, "10.1.1.0/25")["uid"]
    assert does(li, waits, "cancel")["state"] == "cancelled"
    assert "was cancelled by head-all" in does(wang, waits, "approve", 409)["detail"]
    uid = asked(li)["uid"]
    pc = sweeper("1001-pc")
    does(wang, uid, "approve")
    [order] = pc.ask(wait=30).orders
    does(wang, uid, "cancel")
    assert pc.ask(order.uid, wait=30).cancelled == [order.uid]
    assert shown(li, uid)["state"] == "stopping"
    pc.found(order.uid, done=False, why=Why.STOPPED, detail={"of": 253, "asked": 31, "answered": 0})
    told = shown(li, uid)
    assert (told["state"], told["why"], told["asked"]) == (
        *("cancelled", "It was cancelled while it was under way, and stopped.", 31),
    )
    does(li, uid, "cancel", 409)


def test_one_whose_agent_never_said_that_it_stopped_is_cancelling_for_as_long_as_it_may_ask(
    li: TestClient, wang: TestClient, sweeper: Sweeps, now: SetClock
) -> None:
    pc = sweeper("1001-pc")
    uid = asked(li)["uid"]
    does(wang, uid, "approve")
    assert pc.ask(wait=30).orders
    assert does(wang, uid, "cancel")["state"] == "stopping"
    assert "1001-pc has not said that it stopped; it asks no longer than until 11-04 12:03." in shown(li, uid)["why"]
    now.forward(189)
    told = shown(li, uid)
    assert (told["state"], "has not said that it stopped" in told["why"]) == ("cancelled", True)


def test_one_that_was_sent_and_never_heard_of_is_not_said_not_to_have_begun(
    li: TestClient, wang: TestClient, sweeper: Sweeps, client: TestClient, now: SetClock
) -> None:
    """Its line was cut after it came: it may sweep all the same, and its result, when it comes, is the truth."""
    pc = sweeper("1001-pc")
    uid = asked(li, seconds=600)["uid"]
    does(wang, uid, "approve")
    [order] = pc.ask(wait=30).orders
    now.forward(700)
    settle(client)
    told = shown(li, uid)
    assert (told["state"], "whether it arrived is not known" in told["why"]) == ("unanswered", True)
    pc.found(order.uid)
    assert shown(li, uid)["state"] == "done"


@pytest.mark.parametrize(
    ("why", "said", "state", "sentence"),
    [
        (Why.OFF_WIRE, "10.9.0.0/24", "declined", "The network is not on its wire: its PC stands in 10.9.0.0/24."),
        (Why.TABLE_FULL, "", "failed", "The PC's table of neighbours was full; the agent stopped."),
        (Why.NOT_SENT, "10.1.1.9: x", "failed", "An address could not be asked, and the agent stopped: 10.1.1.9: x"),
        (Why.UNKNOWN, "", "declined", "Its agent is older than this kind of order and does not know it."),
    ],
)
def test_what_an_agent_could_not_do_says_why(
    li: TestClient, wang: TestClient, sweeper: Sweeps, why: Why, said: str, state: str, sentence: str
) -> None:
    uid = asked(li)["uid"]
    pc = sweeper("1001-pc")
    does(wang, uid, "approve")
    [order] = pc.ask(wait=30).orders
    pc.tell(order.uid, done=False, why=why, said=said)
    told = shown(li, uid)
    assert (told["state"], told["why"]) == (state, sentence)


@pytest.mark.parametrize(
    ("prefix", "said", "sentence"),
    [
        ("10.1.0.0/21", {}, "in parts"),
        ("10.1.1.7/24", {}, "10.1.1.7/24 is an address in 10.1.1.0/24: to sweep that network write 10.1.1.0/24."),
        ("2", {}, "2 is no network of IPv4: write it as 10.1.1.0/24."),
        ("2001:db8::/64", {}, "no network of IPv4"),
        ("127.0.0.0/24", {}, "Nobody has an address"),
        ("224.0.0.0/24", {}, "Nobody has an address"),
        (NET, {"agent": "centre"}, "does not stand there"),
        (NET, {"rate": 5}, ""),
        (NET, {"rate": 0}, ""),
        (NET, {"window": "25:00-26:00"}, "The hours"),
        (NET, {"seconds": 100}, "there is no such time"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_a_sentence(
    li: TestClient, prefix: str, said: dict[str, Any], sentence: str
) -> None:
    assert sentence in str(asked(li, prefix, 422, **said)["detail"])


def test_the_agent_that_told_of_the_network_is_the_one_to_ask(li: TestClient, sweeper: Sweeps) -> None:
    assert "say which one is to ask" in asked(li, NET, 409, agent="")["detail"]
    assert asked(li, NET)["on_wire"] is None
    sweeper("centre").say("network", {"networks": ["eth0 10.1.1.9/24"]})  # it is no agent of the branch
    assert "say which one is to ask" in asked(li, "10.1.1.0/25", 409, agent="")["detail"]
    sweeper("1001-pc").say("network", {"networks": ["eth0 10.1.1.5/24", "eth0 fe80::1/64", "what"]})
    made = asked(li, "10.1.1.0/25", agent="")
    assert (made["agent"], made["on_wire"]) == ("1001-pc", True)
    assert asked(li, "192.0.2.0/28", agent="centre")["on_wire"] is False
    asked(li, "192.0.2.0/28", 404, agent="nobody")


def test_an_agent_sweeps_one_network_after_another(li: TestClient, wang: TestClient, sweeper: Sweeps) -> None:
    first, second, third = asked(li)["uid"], asked(li, "10.1.1.0/25")["uid"], asked(li, "10.1.1.128/25")["uid"]
    assert "is not over yet" in asked(li, NET, 409)["detail"]
    pc = sweeper("1001-pc")
    for uid in (second, first, third):
        does(wang, uid, "approve")
    [order] = pc.ask(wait=30).orders
    assert order.prefix == "10.1.1.0/25"
    assert pc.ask(order.uid, wait=0).orders == []
    pc.found(order.uid, prefix=order.prefix)
    [order] = pc.ask(wait=30).orders
    assert (order.prefix, shown(li, third)["state"]) == (NET, "approved")
    does(wang, first, "cancel")
    assert pc.ask(order.uid, wait=0).orders == []  # it may be asking until it says that it stopped
    pc.found(order.uid, done=False, why=Why.STOPPED, detail={"of": 253, "asked": 31, "answered": 0})
    assert [order.prefix for order in pc.ask(wait=30).orders] == ["10.1.1.128/25"]


def test_how_far_one_came_that_broke_off_stays_when_its_agent_sweeps_another(
    li: TestClient, wang: TestClient, sweeper: Sweeps
) -> None:
    first, second = asked(li)["uid"], asked(li, "10.1.1.0/25")["uid"]
    pc = sweeper("1001-pc")
    for uid in (first, second):
        does(wang, uid, "approve")
    [order] = pc.ask(wait=30).orders
    pc.say("sweep", {"sweep.order": order.uid, "sweep.of": 253, "sweep.asked": 160, "sweep.answered": 2})
    pc.send(pc.result(order.uid, done=False, why=Why.INTERRUPTED))
    [other] = pc.ask(wait=30).orders
    pc.found(other.uid, prefix="10.1.1.0/25")
    told = shown(li, first)
    assert (told["state"], told["of"], told["asked"], told["answered"]) == ("failed", 253, 160, 2)
