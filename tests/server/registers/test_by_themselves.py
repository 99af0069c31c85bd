"""Rows that write themselves: of campaigns, of libraries and patches, and not one that nobody told of."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from server.clock import SetClock
from server.journal.deeds import Act
from server.ledger.deeds import register
from server.ledger.fields import CardFields
from server.ledger.tables import CardStatus
from server.registers.assets import assets_of
from server.retention.sweep import sweep_changes
from server.schemas.people import Role
from server.storage.database import Database
from tests.server.campaigns.conftest import Host, begin, settle
from tests.server.registers.conftest import rows

SignIn = Callable[..., TestClient]
Hosts = Callable[[str], Host]
DAY = 86_400
OLD, NEW = 1_780_000_000_000_000, 1_780_086_400_000_000


def av(library: str, at: int, product: str = "ClamAV", **more: Any) -> dict[str, Any]:
    return {"av.count": 1, "av.1.product": product, "av.1.library": library, "av.1.library_at": at, **more}


def tell(client: TestClient, host: Host, *sheets: tuple[str, dict[str, Any]]) -> None:
    records: list[Any] = [host.fact(topic, facts) for topic, facts in sheets]
    host.send(*records)
    settle(client)


def test_what_a_campaign_finds_at_each_host_is_a_row_of_its_branch(
    sign_in: SignIn, host: Hosts, client: TestClient
) -> None:
    head = sign_in(Role.HEAD)
    first, second = host("1001-pc"), host("centre")
    uid = begin(head, title="夏季端口核查", seconds=3600)["uid"]
    assert rows(head) == []
    first.answer("22", "23")
    second.answer("22")
    settle(client)
    passed, failed = sorted(rows(head), key=lambda row: row["outcome"], reverse=True)
    assert (failed["about"], failed["branch"], failed["outcome"]) == ("1001-pc", "1001", "fail")
    assert failed["found"] == "Nothing listens on telnet: fail (port 23 is listening)"
    assert (failed["category"], failed["source"], failed["campaign"]) == ("special", "remote", uid)
    assert failed["item"] == "夏季端口核查 (1 checks)"
    assert (passed["about"], passed["outcome"], passed["found"]) == ("centre", "pass", "")
    own = sign_in(Role.BRANCH, ["1001"], lang="zh")
    [row] = rows(own)
    assert row["found"] == "没有监听 telnet: 不合格 (端口 23 正在监听)"
    assert own.get(f"/api/registers/security/{passed['no']}").status_code == 404


def test_a_host_that_did_not_answer_is_not_done_and_its_late_answer_a_row_that_corrects(
    sign_in: SignIn, host: Hosts, client: TestClient, now: SetClock
) -> None:
    head = sign_in(Role.HEAD)
    pc = host("1001-pc")
    begin(head, branch="1001", seconds=60)
    [order] = pc.ask(wait=10).orders
    now.forward(3 * 60)
    settle(client)
    now.forward(3_600)
    settle(client)
    [row] = rows(head)
    assert (row["outcome"], row["found"]) == (
        "undone",
        "It was sent to the agent, which never answered: whether it arrived is not known.",
    )
    records: list[Any] = [pc.fact("host", {"os.family": "linux"}), pc.fact("network", {"ports.tcp": ["22"]})]
    pc.send(*records, pc.result(order.uid))
    settle(client)
    late, first = rows(head)
    assert (late["outcome"], late["corrects"], first["corrected_by"]) == ("pass", first["no"], late["no"])
    assert first["outcome"] == "undone"


def test_a_host_nobody_asks_is_a_row_at_once(sign_in: SignIn, client: TestClient, database: Database) -> None:
    head = sign_in(Role.HEAD)
    with database.write() as session:
        session.connection().execute(text("UPDATE position SET driver = 'host/ssh' WHERE address = '192.0.2.9'"))
        session.connection().execute(text("DELETE FROM observer"))
    begin(head, branch="1002")
    [row] = rows(head, about="1002/atm-1")
    assert (row["outcome"], row["found"]) == ("undone", "no agent asks it")


def test_a_newer_library_is_a_row_with_its_number_its_date_and_when_the_host_was_asked_before(
    sign_in: SignIn, host: Hosts, client: TestClient, now: SetClock
) -> None:
    pc, head = host("1001-pc"), sign_in(Role.HEAD)
    tell(client, pc, ("antivirus", av("27100", OLD)))
    asked = now()
    assert rows(head) == []  # the first that is known is no update
    now.forward(600)
    tell(client, pc, ("antivirus", av("27101", NEW)))
    [row] = rows(head)
    assert (row["kind"], row["outcome"], row["item"]) == ("antivirus", "updated", "Antivirus library: ClamAV")
    assert (row["library"], row["library_at"], row["found"]) == ("27101", NEW, "27100 → 27101")
    assert (row["source"], row["by"], row["category"]) == ("remote", "system", "")
    assert abs(row["since"] - asked) < 2_000_000
    assert abs(row["at"] - now()) < 2_000_000
    now.forward(600)
    tell(client, pc, ("antivirus", av("27100", OLD)))
    assert rows(head)[0]["outcome"] == "reverted"


def test_a_row_has_the_asset_number_the_ledger_has_for_that_host_alone(
    sign_in: SignIn, host: Hosts, client: TestClient, database: Database, now: SetClock, bank: dict[str, int]
) -> None:
    pc, centre, head = host("1001-pc"), host("centre"), sign_in(Role.HEAD)
    act = Act("li", "test", now())
    with database.write() as session:
        for asset, branch, serial in (
            *(("PC-0001", "1001", "SN-1"), ("PC-0002", "1002", "SN-1")),  # the same number at another branch
            *(("PC-0003", "0001", "SN-2"), ("PC-0004", "0001", "SN-2")),  # a maker that numbers all alike
        ):
            fields = CardFields(name="电脑", cls="pc", serial=serial)
            register(session, act, asset=asset, branch=branch, position=None, fields=fields, status=CardStatus.IN_USE)
        register(
            session, act, asset="ATM-1", branch="1001", position="1001/atm-1", fields=CardFields(name="机", cls="atm"),
            status=CardStatus.IN_USE,
        )  # fmt: skip
    for one, serial in ((pc, "SN-1"), (centre, "SN-2")):
        tell(client, one, ("host", {"machine.serial": serial}), ("antivirus", av("27100", OLD)))
        now.forward(600)
        tell(client, one, ("antivirus", av("27101", NEW)))
    assert {row["about"]: row["asset"] for row in rows(head)} == {"1001-pc": "PC-0001", "centre": ""}
    begin(head, seconds=3600)
    [order] = pc.ask(wait=10).orders
    told: list[Any] = [pc.fact("host", {"machine.serial": "SN-1", "os.family": "linux"}), pc.result(order.uid)]
    pc.send(*told)
    settle(client)
    found = {(row["about"], row["asset"]) for row in rows(head, kind="check")}
    assert ("1001-pc", "PC-0001") in found
    assert ("1001-pc", "") not in found
    with database.read() as session:
        assert assets_of(session, {bank["1001/atm-1"]: bank["1001"]}) == {bank["1001/atm-1"]: "ATM-1"}


def test_patches_are_rows_by_name_or_by_count(sign_in: SignIn, host: Hosts, client: TestClient) -> None:
    pc, head = host("1001-pc"), sign_in(Role.HEAD)
    software = [f"lib{n}\t1.0-1" for n in range(30)]
    tell(
        client,
        pc,
        ("host", {"os.build": "19045.3930"}),
        ("updates", {"updates.source": "dpkg", "updates.qfe": ["KB1"], "file.srv.sys": "6.1.7601.17514"}),
        ("software", {"software": software}),
    )
    tell(
        client,
        pc,
        ("host", {"os.build": "19045.4046"}),
        ("updates", {"updates.source": "dpkg", "updates.qfe": ["KB1", "KB2"], "file.srv.sys": "6.1.7601.23689"}),
        ("software", {"software": [*(f"lib{n}\t1.0-2" for n in range(25)), *software[25:], "vim\t9"]}),
    )
    found = {row["item"]: row for row in rows(head, entry="patch")}
    assert len(found) == 4
    assert found["Patch: build of the system"]["patch"] == "19045.4046"
    assert found["Patch: build of the system"]["outcome"] == "updated"
    assert found["Patch: listed updates"]["patch"] == "KB2"
    assert found["Patch: file srv.sys"]["found"] == "6.1.7601.17514 → 6.1.7601.23689"
    packages = found["Patch: packages"]
    assert packages["outcome"] == "changed"  # which of two versions is newer nobody asked
    assert packages["found"].startswith("25 packages have another version: lib0 1.0-1 → 1.0-2; ")


def test_programs_of_windows_are_no_patches(sign_in: SignIn, host: Hosts, client: TestClient) -> None:
    pc = host("1001-pc")
    tell(client, pc, ("updates", {"updates.source": "windows"}), ("software", {"software": ["浏览器\t1"]}))
    tell(client, pc, ("software", {"software": ["浏览器\t2"]}))
    assert rows(sign_in(Role.HEAD)) == []


def test_rows_stay_when_what_they_were_made_of_has_gone(
    sign_in: SignIn, host: Hosts, client: TestClient, now: SetClock, database: Database
) -> None:
    pc, head = host("1001-pc"), sign_in(Role.HEAD)
    tell(client, pc, ("antivirus", av("1", OLD)))
    tell(client, pc, ("antivirus", av("2", NEW)))
    before = rows(head)
    with database.write() as session:
        sweep_changes(session, now() + DAY * 1_000_000, 0)
    assert client.get("/api/agents/1001-pc/facts/changes", headers=head.headers).json()["rows"] == []
    assert rows(head) == before != []


@pytest.mark.parametrize(
    "statement", ["UPDATE security_register SET outcome = 'pass'", "DELETE FROM security_register"]
)
def test_the_table_itself_refuses_change(
    sign_in: SignIn, host: Hosts, client: TestClient, database: Database, statement: str
) -> None:
    pc = host("1001-pc")
    tell(client, pc, ("antivirus", av("1", OLD)))
    tell(client, pc, ("antivirus", av("2", NEW)))
    with pytest.raises(DatabaseError, match="append-only"), database.write() as session:
        session.connection().execute(text(statement))
    if not database.sqlite:
        with pytest.raises(DatabaseError, match="append-only"), database.write() as session:
            session.connection().execute(text("TRUNCATE security_register"))
    assert len(rows(sign_in(Role.HEAD))) == 1
