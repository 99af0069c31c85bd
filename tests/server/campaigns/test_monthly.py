"""On the first of the month each branch gets the list of what it still has to do: frozen, and nobody is asked."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.campaigns.monthly import begin_monthly
from server.clock import SetClock
from server.journal.deeds import Act, record
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.campaigns.conftest import TELNET, Host, begin, hosts, settle

ZONE = ZoneInfo("Asia/Shanghai")
SignIn = Callable[..., TestClient]
Hosts = Callable[[str], Host]


@pytest.fixture(autouse=True)
def _set_up_today(database: Database, bank: dict[str, int], now: SetClock) -> None:
    """The bank's first deed is of this month."""
    with database.write() as session:
        record(session, Act("test", "test", now()), deed="server.init", about="server:bank")


def until(now: SetClock, day: int, *, hour: int = 12, months: int = 1) -> None:
    """That hour of that day, in the bank's zone, of a later month."""
    there = datetime.fromtimestamp(now() / 1_000_000, ZONE).replace(day=1)
    for _ in range(months):
        there = (there + timedelta(days=32)).replace(day=1)
    there = there.replace(day=day, hour=hour, minute=0, second=0)
    now.forward(int(there.timestamp() - now() / 1_000_000))


def test_each_branch_reads_its_own_list_as_it_was_on_the_first_though_nobody_was_asked(
    sign_in: SignIn, host: Hosts, now: SetClock
) -> None:
    settle(sign_in(Role.HEAD))
    assert sign_in(Role.HEAD).get("/api/campaigns/monthly").status_code == 404  # set up this month: nothing is known
    until(now, 1, hour=0)
    now.forward(-60)
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    pc.send(pc.fact("host", {"os.family": "linux"}), pc.fact("network", {"ports.tcp": ["23"], "ports.udp": []}))  # type: ignore[arg-type]
    settle(head)
    assert head.get("/api/campaigns").json()["total"] == 0  # in the bank's zone it is still the month before
    now.forward(90)
    settle(head)
    branch = sign_in(Role.BRANCH, ["1001"], lang="zh")
    row = branch.get("/api/campaigns/monthly").json()
    assert (row["kind"], row["by"], row["title"], row["hosts"]["total"]) == (
        "monthly", "system", "2026年12月待整改清单", 1,
    )  # fmt: skip
    assert head.get("/api/pushes").json()["total"] == 0
    [mine] = hosts(branch, "monthly")
    words = {one["check"]: one["word"] for one in mine["verdicts"]}
    assert (mine["word"], words["no-telnet"], words["antivirus-present"]) == ("fail", "fail", "unknown")
    assert "high-risk-ports" not in words  # it passes, and is nothing to do
    bad = [one for one in mine["verdicts"] if one["word"] in ("fail", "unknown")]
    assert all(one["mend"] for one in bad)
    [figure] = [one for one in branch.get("/api/home").json()["figures"] if one["key"] == "monthly"]
    failing = sum(one["word"] == "fail" for one in bad)
    assert figure["title"] == "本月待整改"
    assert figure["value"] == f"{failing} 项，未核查 {len(bad) - failing} 项"
    assert figure["opens"] == f"campaigns/{row['uid']}"
    text = branch.get("/api/campaigns/monthly/text", params={"branch": "1001"}).json()["text"]
    assert text.startswith("【专项核查】2026年12月待整改清单\n城关支行，截至 12-01 00:00\n")
    assert " 不合格 没有监听 telnet: 端口 23 正在监听\n  → 停用 telnet 服务" in text
    # frozen: what is told later changes nothing of it
    now.forward(86_400)
    pc.send(pc.fact("network", {"ports.tcp": ["22"], "ports.udp": []}))  # type: ignore[arg-type]
    settle(head)
    branch = sign_in(Role.BRANCH, ["1001"], lang="zh")
    assert branch.get("/api/campaigns/monthly/text", params={"branch": "1001"}).json()["text"] == text
    sheet = openpyxl.load_workbook(io.BytesIO(branch.get("/api/campaigns/monthly/export").content)).active
    assert sheet is not None
    rows = [[cell.value for cell in one] for one in sheet.iter_rows(min_row=4)]
    assert {one[1] for one in rows} == {"1001-pc"}
    assert len(rows) == len(mine["verdicts"])


def test_facts_that_are_old_are_not_known_with_their_age_and_a_host_that_never_told_is_not_good(
    sign_in: SignIn, host: Hosts, now: SetClock
) -> None:
    pc = host("1001-pc")
    pc.send(pc.fact("host", {"os.family": "linux"}), pc.fact("network", {"ports.tcp": ["22"], "ports.udp": []}))  # type: ignore[arg-type]
    until(now, 1)
    head = sign_in(Role.HEAD, lang="zh")
    settle(head)
    told = {one["host"]: one for one in hosts(head, "monthly")}
    assert {one["word"] for one in told.values()} == {"unknown"}
    [telnet] = [one for one in told["1001-pc"]["verdicts"] if one["check"] == "no-telnet"]
    assert "27 天" in "".join(telnet["why"])
    assert all("从未" in "".join(one["why"]) for one in told["centre"]["verdicts"])


def test_a_server_that_was_off_on_the_first_makes_it_when_it_is_back_once_and_dates_it_so(
    sign_in: SignIn, now: SetClock
) -> None:
    until(now, 19)
    head = sign_in(Role.HEAD)
    settle(head)
    now.forward(120)
    settle(head)
    [row] = head.get("/api/campaigns", params={"kind": "monthly"}).json()["rows"]
    assert row["title"] == "2026年12月待整改清单（19日补出）"
    until(now, 1)
    head = sign_in(Role.HEAD)
    settle(head)
    begin(head)
    titles = [one["title"] for one in head.get("/api/campaigns", params={"kind": "monthly"}).json()["rows"]]
    assert titles == ["2027年1月待整改清单", "2026年12月待整改清单（19日补出）"]


def test_a_monthly_list_asks_what_it_began_with_and_a_broken_check_stays_unknown(
    sign_in: SignIn, host: Hosts, now: SetClock, app: FastAPI, folder: Path, database: Database
) -> None:
    until(now, 1)
    head, pc = sign_in(Role.HEAD), host("1001-pc")
    pc.send(pc.fact("host", {"os.family": "linux"}), pc.fact("network", {"ports.tcp": ["23"], "ports.udp": []}))  # type: ignore[arg-type]
    settle(head, "facts")
    telnet, strict = folder / "telnet.toml", folder / "high-risk-ports.toml"
    strict.write_text(TELNET.replace("no-telnet", "high-risk-ports") + "x = 1", encoding="utf-8")
    with database.write() as session:
        assert begin_monthly(session, app.state.branchfleet.checks.kept(), now())
    telnet.write_text(TELNET.replace('"23"', '"4711"'), encoding="utf-8")
    strict.unlink()
    settle(head)
    [mine] = [one for one in hosts(head, "monthly") if one["host"] == "1001-pc"]
    words = {one["check"]: one["word"] for one in mine["verdicts"]}
    assert (words["no-telnet"], words["high-risk-ports"]) == ("fail", "unknown")
