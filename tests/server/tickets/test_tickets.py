"""Tickets as people work on them, through the API, on both databases."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from server.clock import SetClock
from server.events.tables import Invalidation
from server.health.tables import Condition, Severity
from server.journal.deeds import Act
from server.journal.tables import JournalRow
from server.schemas.people import Role
from server.schemas.tickets import Fault, TicketStatus
from server.storage.database import Database
from server.tickets import deeds
from server.tickets.by_condition import Wanted, open_by_conditions
from server.tickets.numbers import parse
from server.tickets.tables import Ticket, TicketSource

PRINTER = "1001/printer-1"
SignIn = Callable[..., TestClient]


def report(client: TestClient, subject: str = PRINTER, **fields: Any) -> Any:
    return client.post("/api/tickets", json={"subject": subject, "title": "prints nothing", **fields})


def step(client: TestClient, number: str, what: str, outcome: str = "") -> Any:
    return client.post(f"/api/tickets/{number}/step", json={"step": what, "outcome": outcome})


def condition_ticket(database: Database, now: SetClock, subject: int, rule: str = "part.fault") -> str:
    with database.write() as session:
        condition = Condition(
            subject_id=subject,
            rule=rule,
            part="paper",
            word="out",
            severity=Severity.FAULT,
            opened_at=now(),
            noticed_at=now(),
        )
        session.add(condition)
        session.flush()
        act = Act("system", "health", now())
        [(number, _)] = open_by_conditions(session, act, [Wanted(condition, "缺纸", Fault.HARDWARE, False, None)])
        return number


def test_a_report_goes_from_new_to_done(sign_in: SignIn, database: Database, now: SetClock) -> None:
    teller, head = sign_in(Role.BRANCH, ["1001"]), sign_in(Role.HEAD)
    made = report(teller, note="since this morning", urgent=True, fault="software")
    assert made.status_code == 201
    ticket = made.json()["ticket"]
    assert (ticket["number"], ticket["status"], ticket["opened_by"]) == ("2026-0001", "new", "branch-1001")
    assert made.json()["notes"][0]["text"] == "since this morning"
    for what, status in (("accept", "accepted"), ("start", "inProgress")):
        now.forward(60)
        assert step(head, "2026-0001", what).json()["ticket"]["status"] == status
    now.forward(60)
    done = step(head, "2026-0001", "finish", "changed the head").json()["ticket"]
    assert (done["status"], done["done_by"], done["outcome"]) == ("done", "head-all", "changed the head")
    assert done["opened_at"] < done["accepted_at"] < done["started_at"] < done["done_at"]
    with database.read() as session:
        said = session.exec(select(JournalRow.deed).where(JournalRow.about == "ticket:2026-0001")).all()
        assert said == ["ticket.open", "ticket.accept", "ticket.start", "ticket.finish"]
        told = session.exec(select(Invalidation).where(Invalidation.topic == "ticket")).all()
        assert {row.key for row in told} == {"2026-0001"}
        assert len(told) == 4


@pytest.mark.parametrize(
    ("steps", "refused"),
    [([], "start"), (["accept"], "accept"), (["accept", "start"], "start"), (["accept", "finish"], "accept")],
)
def test_a_step_out_of_turn_is_refused(sign_in: SignIn, steps: list[str], refused: str) -> None:
    head = sign_in(Role.HEAD)
    report(head)
    for what in steps:
        assert step(head, "2026-0001", what, "done").status_code == 200
    answer = step(head, "2026-0001", refused)
    assert answer.status_code == 409
    assert "2026-0001" in answer.json()["detail"]


def test_a_condition_ticket_cannot_be_finished_before_it_is_accepted(
    sign_in: SignIn, database: Database, bank: dict[str, int], now: SetClock
) -> None:
    number = condition_ticket(database, now, bank[PRINTER])
    head = sign_in(Role.HEAD)
    assert step(head, number, "finish", "done").status_code == 409
    assert step(head, number, "accept").status_code == 200
    done = step(head, number, "finish", "loaded paper")
    assert done.json()["ticket"]["status"] == "done"
    assert done.json()["notes"][-1]["text"] == "办结时仍有 1 项异常未恢复"


def test_a_ticket_is_finished_with_an_outcome_or_not_at_all(sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    report(head)
    assert step(head, "2026-0001", "finish", "  \n ").status_code == 422


def test_a_branch_finishes_its_own_reports_and_no_others(
    sign_in: SignIn, database: Database, bank: dict[str, int], now: SetClock
) -> None:
    teller = sign_in(Role.BRANCH, ["1001"])
    report(teller)
    opened = condition_ticket(database, now, bank[PRINTER])
    assert step(teller, "2026-0001", "accept").status_code == 403
    assert step(teller, "2026-0001", "finish", "it was unplugged").status_code == 200
    assert step(teller, opened, "finish", "done").status_code == 403
    assert teller.post(f"/api/tickets/{opened}/notes", json={"text": "seen"}).status_code == 201


def test_what_is_out_of_scope_does_not_exist(sign_in: SignIn) -> None:
    head, teller = sign_in(Role.HEAD), sign_in(Role.BRANCH, ["1001"])
    report(head, "1002/atm-1")
    assert report(teller, "1002/atm-1").status_code == 404
    assert teller.get("/api/tickets/2026-0001").status_code == 404
    assert step(teller, "2026-0001", "finish", "x").status_code == 404
    assert teller.get("/api/tickets").json()["total"] == 0
    assert head.get("/api/tickets").json()["total"] == 1


def test_an_auditor_reads_and_changes_nothing(sign_in: SignIn) -> None:
    head, auditor = sign_in(Role.HEAD), sign_in(Role.AUDITOR)
    report(head)
    assert report(auditor).status_code == 403
    assert step(auditor, "2026-0001", "accept").status_code == 403
    assert step(auditor, "2026-0001", "finish", "x").status_code == 403
    assert auditor.post("/api/tickets/2026-0001/notes", json={"text": "x"}).status_code == 403
    assert auditor.get("/api/tickets/2026-0001").status_code == 200


def test_a_sub_branch_is_within_the_scope_of_its_branch(sign_in: SignIn) -> None:
    assert report(sign_in(Role.BRANCH, ["1001"]), "100101/pos-1").status_code == 201


@pytest.mark.parametrize("subject", ["1001", "1001/line/main", PRINTER])
def test_a_report_may_be_about_a_branch_a_line_or_a_position(sign_in: SignIn, subject: str) -> None:
    assert report(sign_in(Role.HEAD), subject).json()["ticket"]["subject"] == subject


@pytest.mark.parametrize("subject", ["centre", "9999", "1001/none", ""])
def test_a_report_about_nothing_is_refused(sign_in: SignIn, subject: str) -> None:
    assert report(sign_in(Role.HEAD), subject).status_code == 404


def test_text_is_kept_as_text(sign_in: SignIn) -> None:
    head = sign_in(Role.HEAD)
    made = report(head, title="[/x]\x00=cmd|'/c calc'\x1b[2J")
    assert made.status_code == 201
    assert made.json()["ticket"]["title"] == "[/x] =cmd|'/c calc' [2J"
    assert report(head, title="\x00\x01").status_code == 422


def test_lists_are_filtered_and_open_ones_come_first(sign_in: SignIn, now: SetClock) -> None:
    head = sign_in(Role.HEAD)
    for number, (subject, urgent) in enumerate([(PRINTER, False), ("1002/atm-1", True), (PRINTER, False)]):
        now.forward(1)
        report(head, subject, urgent=urgent, title=f"case {number}")
    step(head, "2026-0001", "finish", "done")

    def numbers(query: str) -> list[str]:
        return [row["number"] for row in head.get(f"/api/tickets?{query}").json()["rows"]]

    assert numbers("") == ["2026-0002", "2026-0003", "2026-0001"]
    assert numbers("status=done") == ["2026-0001"]
    assert numbers("status=open") == ["2026-0002", "2026-0003"]
    assert numbers("status=new&status=done&branch=1001") == ["2026-0003", "2026-0001"]
    assert numbers("subject=1002/atm-1") == ["2026-0002"]
    assert numbers("q=case%202") == ["2026-0003"]
    assert numbers("q=2026-0001") == ["2026-0001"]
    assert numbers("q=%25") == []
    assert numbers("limit=1&offset=1") == ["2026-0003"]


def test_numbers_begin_anew_each_year_of_the_banks_zone(sign_in: SignIn, now: SetClock) -> None:
    head = sign_in(Role.HEAD)
    report(head)
    now.at = 1_798_761_600_000_000 - 8 * 3_600_000_000 - 1  # the last µs of 2026 in Shanghai, hours before UTC's
    head = sign_in(Role.HEAD)
    assert report(head).json()["ticket"]["number"] == "2026-0002"
    now.at += 1
    assert report(head).json()["ticket"]["number"] == "2027-0001"


def test_numbers_are_unique_and_without_a_hole_under_many_hands(
    database: Database, bank: dict[str, int], now: SetClock
) -> None:
    class Head:
        branch_ids = None
        role = Role.HEAD

    failures: list[BaseException] = []

    def many(name: str) -> None:
        try:
            for turn in range(5):
                with database.write() as session:
                    ask = {"title": f"{name} {turn}", "fault": Fault.OTHER, "urgent": False, "note": ""}
                    deeds.open_by_hand(session, Act(name, "api", now()), Head(), subject="1001", **ask)  # type: ignore[arg-type]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=many, args=(f"p{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as session:
        assert sorted(session.exec(select(Ticket.number))) == list(range(1, 21))


def test_the_table_itself_holds_one_open_condition_ticket_a_subject(
    database: Database, bank: dict[str, int], now: SetClock
) -> None:
    def ticket(number: int) -> Ticket:
        return Ticket(
            year=2026,
            number=number,
            subject_id=bank[PRINTER],
            title="x",
            fault=Fault.OTHER,
            source=TicketSource.CONDITION,
            status=TicketStatus.NEW,
            opened_at=now(),
            opened_by="system",
        )

    with database.write() as session:
        session.add(ticket(1))
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(ticket(2))


@pytest.mark.parametrize("wrong", ["", "2026", "2026-1", "x", "2026-0001x", "20266-0001", "../etc", "٢٠٢٦-٠٠٠١"])
def test_what_is_no_number_is_no_ticket(sign_in: SignIn, wrong: str) -> None:
    assert parse(wrong) is None
    assert sign_in(Role.HEAD).get(f"/api/tickets/{wrong or '-'}").status_code == 404


def test_titles_of_condition_tickets_follow_the_language(
    sign_in: SignIn, database: Database, bank: dict[str, int], now: SetClock
) -> None:
    condition_ticket(database, now, bank[PRINTER])
    assert sign_in(Role.HEAD).get("/api/tickets").json()["rows"][0]["title"] == "1001/PRINTER-1 Paper: out"
    assert sign_in(Role.HEAD, lang="zh").get("/api/tickets").json()["rows"][0]["title"] == "缺纸"
