"""Exemptions: granted and withdrawn by head office, over by themselves, and never counted as good."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.clock import SetClock
from server.schemas.people import Role
from tests.server.checks.kept.conftest import DAY, Fleet, cell, deeds

SignIn = Callable[..., TestClient]


UNTIL = "2026-11-10"  # six days after the clock's noon


def exempt(person: TestClient, **said: Any) -> Any:
    asked = {
        "check": "enough-memory",
        "about": "1001-pc",
        "approver": "李某",
        "control": "白名单管控",
        "until": UNTIL,
        **said,
    }
    return person.post("/api/exemptions", json=asked)


def test_an_exempt_host_is_exempt_until_its_day_is_over_and_the_journal_says_so(
    fleet: Fleet, now: SetClock, sign_in: SignIn
) -> None:
    head = sign_in(Role.HEAD)
    fleet.tell("1001-pc", memory_bytes=1)
    fleet.settle()
    answer = exempt(head)
    assert (answer.status_code, answer.json()["hosts"], answer.json()["standing"]) == (201, 1, "ends_soon")
    fleet.settle()
    assert fleet.word("1001-pc") == "exempt"
    told = cell(head, "1001-pc")
    assert "白名单管控" in told["why"]
    now.forward(6 * DAY + 12 * 3600 - 1)  # the last second of its day by the bank's clocks
    fleet.settle()
    assert fleet.word("1001-pc") == "exempt"
    now.forward(1)
    assert cell(sign_in(Role.HEAD), "1001-pc")["word"] == "unknown"  # nobody has judged it yet
    fleet.tell("1001-pc", memory_bytes=1)
    fleet.settle()
    assert fleet.word("1001-pc") == "fail"
    assert deeds(fleet.database)[-2:] == ["exemption.grant", "exemption.end"]


def test_a_withdrawn_exemption_is_over_at_once(fleet: Fleet, sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    fleet.tell("1001-pc", memory_bytes=1)
    uid = exempt(head).json()["uid"]
    fleet.settle()
    done = head.post(f"/api/exemptions/{uid}/withdraw", json={"reason": "已加内存"})
    assert done.json()["standing"] == "withdrawn"
    fleet.settle()
    assert fleet.word("1001-pc") == "fail"
    assert head.post(f"/api/exemptions/{uid}/withdraw", json={"reason": "再来"}).status_code == 409
    assert head.get("/api/exemptions").json()["total"] == 0
    assert head.get("/api/exemptions", params={"over": True}).json()["rows"][0]["withdrawn_by"] == "head-all"


def test_an_exemption_of_a_branch_is_for_its_hosts_and_those_below(fleet: Fleet, sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    for key in ("1001-pc", "centre"):
        fleet.tell(key, memory_bytes=1)
    assert exempt(head, about="1001").status_code == 201
    fleet.settle()
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("exempt", "fail")
    assert exempt(head, about="0001").status_code == 201  # everything is below head office
    fleet.settle()
    assert (fleet.word("1001-pc"), fleet.word("centre")) == ("exempt", "exempt")


def test_an_exemption_of_a_class_is_not_for_the_pcs_of_agents(fleet: Fleet, sign_in: SignIn) -> None:
    fleet.tell("1001-pc", memory_bytes=1)
    fleet.settle()
    granted = exempt(sign_in(Role.HEAD), about="1001", cls="atm")
    assert (granted.status_code, granted.json()["hosts"]) == (201, 0)  # its ATM is no host
    fleet.settle()
    assert fleet.word("1001-pc") == "fail"


def test_pcs_with_an_agent_are_a_class_of_their_own(fleet: Fleet, sign_in: SignIn) -> None:
    fleet.tell("1001-pc", memory_bytes=1)
    fleet.settle()
    granted = exempt(sign_in(Role.HEAD), about="1001", cls="agent")
    assert (granted.status_code, granted.json()["hosts"]) == (201, 1)
    fleet.settle()
    assert fleet.word("1001-pc") == "exempt"


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ({"check": "no-such"}, 404, "no check"),
        ({"about": "9999"}, 404, "no branch and no host"),
        ({"until": "2026-11-03"}, 422, "2026-11-04 to 2027-11-04"),
        ({"until": "2027-11-06"}, 422, "2026-11-04 to 2027-11-04"),
        ({"approver": " "}, 422, "who approves"),
        ({"cls": "atm"}, 422, "one machine already"),
        ({"about": "1001", "cls": "no-such"}, 404, "no device class"),
    ],
)
def test_an_exemption_that_cannot_be_is_refused_in_a_sentence(
    fleet: Fleet, sign_in: SignIn, said: dict[str, str], status: int, why: str
) -> None:
    answer = exempt(sign_in(Role.HEAD), **said)
    assert (answer.status_code, why in answer.json()["detail"]) == (status, True), answer.text


def test_only_head_office_exempts_and_a_branch_sees_its_own(fleet: Fleet, sign_in: SignIn, folder: Path) -> None:
    (folder / "bank.toml").write_text(
        '[[exempt]]\ncheck = "licence"\nhost = "centre"\napprover = "李某"\ncontrol = "x"\nuntil = 2026-12-30\n',
        encoding="utf-8",
    )
    for role, branches in ((Role.BRANCH, ["1001"]), (Role.AUDITOR, None)):
        assert exempt(sign_in(role, branches)).status_code == 403
    assert exempt(sign_in(Role.HEAD)).status_code == 201
    assert exempt(sign_in(Role.HEAD)).status_code == 409
    rows = sign_in(Role.HEAD).get("/api/exemptions").json()["rows"]
    assert [(row["about"], row["by"], row["uid"] is None) for row in rows] == [
        ("1001-pc", "head-all", False),
        ("centre", "bank.toml", True),
    ]
    assert [row["about"] for row in sign_in(Role.BRANCH, ["1001"]).get("/api/exemptions").json()["rows"]] == ["1001-pc"]
    assert sign_in(Role.BRANCH, ["1002"]).get("/api/exemptions").json()["total"] == 0


def test_one_host_asked_for_alone_knows_its_exemption(fleet: Fleet, sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    fleet.tell("1001-pc", memory_bytes=1)
    exempt(head, about="1001")
    told = head.get("/api/checks/verdicts", params={"host": "1001-pc"}).json()
    assert told["counts"]["exempt"] == 1
