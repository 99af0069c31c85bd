"""What a branch entered without the server: taken once, dated right, marked, and only of that branch."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from agent.wire import MEDIA_MSGPACK, VERSION, Ack, AnyRecord, Batch, Clock, Entry
from server.clock import SetClock
from server.entries.follower import EntryFollower
from server.entries.tables import EntryRow
from server.ingest.tables import RecordRow
from server.journal.tables import JournalRow
from server.schemas.entries import EntryKind
from server.schemas.people import Role
from server.storage.database import Database

SECOND = 1_000_000
MINUTE = 60 * SECOND
UP = 3600 * SECOND
PRINTER = "1001/printer-1"
LINE = "1001/line/main"
SignIn = Callable[..., TestClient]


class Pc:
    """The agent 1001-pc with its entries."""

    def __init__(self, client: TestClient, token: str, database: Database, now: SetClock) -> None:
        self._client, self._token, self._now = client, token, now
        self._booted = now() - UP
        self.follower = EntryFollower(database, now)
        self.stream = "a" * 32
        self.seq = 0

    def clock(self, ago: int = 0) -> Clock:
        at = self._now() - ago
        return Clock(wall=at, boot=at - self._booted, boot_id="boot-1")

    def entry(self, **said: Any) -> Entry:
        self.seq += 1
        entry = {"uid": f"{self.seq:032x}", "subject": PRINTER, "what": "ticket", "who": "王某", "title": "不走纸"}
        return Entry(**{"seq": self.seq, "clock": self.clock(), **entry, **said})

    def send(self, *records: AnyRecord, stream: str = "") -> Ack:
        batch = Batch(version=VERSION, stream=stream or self.stream, sent=self.clock(), records=list(records))
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": MEDIA_MSGPACK,
            "Accept": MEDIA_MSGPACK,
        }
        answer = self._client.post("/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers)
        assert answer.status_code == 200, answer.text
        while self.follower.step():
            pass
        return msgspec.msgpack.decode(answer.content, type=Ack)


@pytest.fixture
def pc(client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock) -> Pc:
    return Pc(client, agent_token("1001-pc"), database, now)


def tickets(person: TestClient) -> Any:
    return person.get("/api/tickets").json()["rows"]


def test_a_report_becomes_a_ticket_dated_when_it_was_typed_and_marked(pc: Pc, sign_in: SignIn, now: SetClock) -> None:
    typed = pc.clock(ago=90 * MINUTE // 2)
    pc.send(pc.entry(entered=typed, fault="hardware", urgent=True, text="卡纸后不动"))
    person = sign_in(Role.BRANCH, ["1001"])
    (ticket,) = tickets(person)
    assert ticket["offline"] is True
    assert (ticket["source"], ticket["status"], ticket["urgent"]) == ("hand", "new", True)
    assert ticket["opened_by"] == "王某 @ 1001-pc"
    assert ticket["opened_at"] == now() - 45 * MINUTE
    detail = person.get(f"/api/tickets/{ticket['number']}").json()
    assert detail["ticket"]["offline"] is True
    assert [note["text"] for note in detail["notes"]] == ["卡纸后不动"]


def test_the_journal_says_that_nobody_had_signed_in(pc: Pc, database: Database, now: SetClock) -> None:
    pc.send(pc.entry(entered=pc.clock(ago=10 * MINUTE)))
    with database.read() as session:
        row = session.exec(select(JournalRow).where(JournalRow.deed == "ticket.open")).one()
    assert (row.actor, row.via) == ("王某 @ 1001-pc", "branch-pc")
    assert row.at == now()
    assert row.effective_at == now() - 10 * MINUTE
    assert '"signed_in":false' in (row.after or "")


def test_a_ticket_reported_by_a_person_signed_in_is_not_marked(sign_in: SignIn) -> None:
    person = sign_in(Role.BRANCH, ["1001"])
    assert person.post("/api/tickets", json={"subject": PRINTER, "title": "x"}).status_code == 201
    assert [row["offline"] for row in tickets(person)] == [False]


def test_an_entry_that_comes_again_changes_nothing(pc: Pc, sign_in: SignIn, database: Database) -> None:
    entry = pc.entry()
    pc.send(entry)
    pc.send(entry)  # the ack was lost
    pc.send(msgspec.structs.replace(entry, seq=1), stream="b" * 32)  # the spool was begun anew
    pc.send(msgspec.structs.replace(entry, seq=9))  # taken twice by a defect
    assert len(tickets(sign_in(Role.HEAD))) == 1
    with database.read() as session:
        assert len(session.exec(select(RecordRow).where(RecordRow.kind == "entry")).all()) == 3
        assert len(session.exec(select(EntryRow)).all()) == 1
    pc.send(pc.entry(title="又坏了"))
    assert len(tickets(sign_in(Role.HEAD))) == 2


@pytest.mark.parametrize(
    "subject", ["1002/atm-1", "1002", "100101/pos-1", "1001-pc", "centre", "nowhere", "1001/nothing", "a\0b", ""]
)
def test_a_subject_of_another_branch_is_refused_and_told(
    pc: Pc, sign_in: SignIn, database: Database, subject: str
) -> None:
    ack = pc.send(pc.entry(subject=subject))
    assert [(refusal.seq, "its branch has no" in refusal.why) for refusal in ack.refused] == [(1, True)]
    assert tickets(sign_in(Role.HEAD)) == []
    with database.read() as session:
        assert [row.kind for row in session.exec(select(RecordRow)).all()] == ["refused"]


@pytest.mark.parametrize(
    "said",
    [
        {"uid": "x"},
        {"who": " "},
        {"who": "王" * 41},
        {"title": "a\0"},
        {"title": "", "text": ""},
        {"text": "y" * 2001},
        {"what": "answer"},
        {"entered": Clock(wall=1, boot=-1, boot_id="b")},
    ],
)
def test_what_cannot_be_an_entry_is_refused(pc: Pc, sign_in: SignIn, said: dict[str, Any]) -> None:
    assert len(pc.send(pc.entry(**said)).refused) == 1
    assert tickets(sign_in(Role.HEAD)) == []


def test_an_answer_of_the_telephone_stands_on_the_open_ticket_or_in_the_journal(
    pc: Pc, sign_in: SignIn, database: Database
) -> None:
    head = sign_in(Role.HEAD)
    pc.send(pc.entry(what="answer", subject=LINE, title="", answer="line", text="单号 8812"))
    with database.read() as session:
        row = session.exec(select(JournalRow).where(JournalRow.deed == "entry.note")).one()
    assert row.about == f"line:{LINE}"
    assert "电话答复：断线。 单号 8812" in (row.after or "")
    number = head.post("/api/tickets", json={"subject": LINE, "title": "线路不通"}).json()["ticket"]["number"]
    pc.send(pc.entry(what="answer", subject=LINE, title="", answer="power", text="21 点来电"))
    (note,) = head.get(f"/api/tickets/{number}").json()["notes"]
    assert note["author"] == "王某 @ 1001-pc"
    assert note["text"] == "断网期间录入：电话答复：停电。 21 点来电"
    assert [row["offline"] for row in tickets(head)] == [False]  # a note was entered there, not the ticket
    listed = head.get("/api/entries").json()
    assert [(row["answer"], row["ticket"]) for row in listed["rows"]] == [("power", number), ("line", None)]


def test_a_branch_and_a_position_nobody_polls_are_reported_on_too(pc: Pc, sign_in: SignIn) -> None:
    pc.send(pc.entry(subject="1001"), pc.entry(subject="1001/atm-1"), pc.entry(subject=LINE))
    assert {row["subject"] for row in tickets(sign_in(Role.HEAD))} == {"1001", "1001/atm-1", LINE}


@pytest.mark.parametrize(
    ("entered", "ago"),
    [
        (None, 0),
        (Clock(wall=0, boot=UP - 5 * MINUTE, boot_id="boot-1"), 5 * MINUTE),  # the wall clock tells nonsense
        (Clock(wall=2**50, boot=UP, boot_id="boot-1"), 0),
        (Clock(wall=0, boot=UP + MINUTE, boot_id="boot-1"), 0),  # typed after it was taken: not believed
        (Clock(wall=0, boot=0, boot_id="wall"), 0),  # in 1970: not believed
    ],
)
def test_when_it_was_typed_is_never_absurd(
    pc: Pc, sign_in: SignIn, now: SetClock, entered: Clock | None, ago: int
) -> None:
    pc.send(pc.entry(entered=entered))
    (ticket,) = tickets(sign_in(Role.HEAD))
    assert ticket["opened_at"] == now() - ago


def test_what_people_typed_is_text_and_no_login(pc: Pc, sign_in: SignIn, database: Database) -> None:
    pc.send(pc.entry(who="system", title="[/x]\x1b[2J '; DROP TABLE ticket", text="a\nb"))
    (ticket,) = tickets(sign_in(Role.HEAD))
    assert ticket["opened_by"] == "system @ 1001-pc"
    assert "\x1b" not in ticket["title"]


def test_the_list_is_of_a_persons_own_branches(pc: Pc, sign_in: SignIn) -> None:
    pc.send(pc.entry(), pc.entry(what="note", title="", text="x"))
    assert sign_in(Role.BRANCH, ["1001"]).get("/api/entries").json()["total"] == 2
    assert sign_in(Role.BRANCH, ["1002"]).get("/api/entries").json()["total"] == 0
    assert sign_in(Role.AUDITOR).get("/api/entries", params={"subject": LINE}).json()["total"] == 0
    assert sign_in(Role.HEAD).get("/api/entries", params={"branch": "1001"}).json()["total"] == 2


def test_an_entry_the_server_stumbles_over_stops_no_other(
    pc: Pc, sign_in: SignIn, database: Database, bank: dict[str, int]
) -> None:
    pc.send(pc.entry(title="first"))
    with database.write() as session:
        first = session.exec(select(RecordRow)).one()
        damaged = first.model_dump() | {"id": (first.id or 0) + 1, "seq": 99, "body": b"\xc1"}
        session.add(RecordRow(**damaged))
        session.flush()
        if not database.sqlite:  # the id was said, so PostgreSQL does not know that it is taken
            session.connection().execute(text("SELECT nextval(pg_get_serial_sequence('record', 'id'))"))
    while pc.follower.step():
        pass
    pc.send(pc.entry(title="good"))
    assert {row["title"] for row in tickets(sign_in(Role.HEAD))} == {"first", "good"}


@pytest.mark.parametrize(
    "wrong", [{"what": EntryKind.TICKET}, {"what": EntryKind.ANSWER}, {"answer": "line"}, {"record_id": 77}]
)
def test_the_table_itself_refuses(pc: Pc, database: Database, bank: dict[str, int], wrong: dict[str, Any]) -> None:
    pc.send(pc.entry(what="note", title="", text="x"))
    fields: dict[str, Any] = {"uid": "f" * 32, "agent_id": bank["1001-pc"], "subject_id": bank["1001"]}
    with database.read() as session:
        record = session.exec(select(RecordRow.id)).one()
        session.exec(select(EntryRow)).one()
    row = EntryRow(
        **{**fields, "record_id": record, "what": EntryKind.NOTE, "at": 1, "arrived": 1, "who": "w", **wrong}
    )
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(row)
