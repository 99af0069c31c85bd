"""The server begins a campaign of every check on the first of the month, once, and each branch finds its own there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from server.clock import SetClock
from server.schemas.people import Role
from server.settings import Settings
from tests.server.campaigns.conftest import Host, campaign, hosts, settle

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def settings() -> Settings:
    return Settings(password_memory=32, monthly_checks=True)


def until(now: SetClock, day: int) -> None:
    """Noon of that day of the next month."""
    today = datetime.fromtimestamp(now() / 1_000_000, ZONE)
    there = (today.replace(day=1) + timedelta(days=32)).replace(day=day, hour=12, minute=0, second=0)
    now.forward(int(there.timestamp() - now() / 1_000_000))


def test_once_a_month_each_branch_finds_what_it_still_has_to_do(
    sign_in: Callable[..., TestClient], host: Callable[[str], Host], now: SetClock
) -> None:
    until(now, 9)
    settle(sign_in(Role.HEAD))
    assert sign_in(Role.HEAD).get("/api/campaigns").json()["total"] == 0
    until(now, 1)
    settle(sign_in(Role.HEAD))
    now.forward(120)
    head, branch = sign_in(Role.HEAD), sign_in(Role.BRANCH, ["1001"])
    settle(head)
    [row] = branch.get("/api/campaigns").json()["rows"]
    assert (row["by"], row["hosts"]["total"]) == ("system", 1)
    assert head.get("/api/campaigns").json()["total"] == 1
    host("1001-pc").answer("22", "445")
    settle(head)
    [mine] = hosts(branch, row["uid"])
    words = {one["check"]: one["word"] for one in mine["verdicts"]}
    assert (mine["word"], words["no-telnet"]) == ("fail", "pass")
    bad = {one["check"]: one["mend"] for one in mine["verdicts"] if one["word"] in ("fail", "unknown")}
    assert all(bad.values())
    assert {one["id"] for one in campaign(head, row["uid"])["checks"]} >= {"no-telnet", "high-risk-ports"}
    until(now, 2)
    settle(sign_in(Role.HEAD))
    assert sign_in(Role.HEAD).get("/api/campaigns").json()["total"] == 2
