"""Removable media: what agents saw against the bank's register, and the tickets of what should not be in."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from agent.wire import MEDIA_MSGPACK, VERSION, Batch, Clock, Event, EventName
from server.clock import SetClock
from server.inventory.tables import Subject
from server.media.follower import MediaFollower
from server.media.tables import MediaSighting, MediaStick
from server.retention.sweep import sweep_sightings
from server.schemas.media import StickStatus
from server.schemas.people import Role
from server.storage.database import Database

SignIn = Callable[..., TestClient]
See = Callable[..., None]
DAY = 86_400
STICK = {"serial": "E0D55EA573", "vendor": "Kingston", "model": "DataTraveler", "bytes": 15_472_047_104}


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """The server, where a test alone follows what is told of media."""
    app.state.branchfleet.followers["media"].start = lambda: None
    with TestClient(app, headers={"Accept-Language": "en"}) as client:
        yield client


@pytest.fixture
def see(client: TestClient, agent_token: Callable[[str], str], database: Database, now: SetClock) -> See:
    """`see("1001-pc", "in", STICK)`: the agent tells of a medium, and that is kept before this returns."""
    follower = MediaFollower(database, now)
    seqs: dict[str, int] = {}
    tokens: dict[str, str] = {}
    booted = now() - 3_600_000_000

    def make(key: str, way: str, stick: dict[str, Any] = STICK, *, ago: int = 0, **more: Any) -> None:
        seqs[key] = seqs.get(key, 0) + 1
        tokens[key] = tokens.get(key) or agent_token(key)
        clock = Clock(wall=now(), boot=now() - booted, boot_id="boot-1")
        then = Clock(wall=clock.wall - ago, boot=clock.boot - ago, boot_id=clock.boot_id)
        record = Event(seq=seqs[key], clock=then, name=EventName.MEDIA, detail={"way": way, **stick, **more})
        batch = Batch(version=VERSION, stream=f"of-{key}", sent=clock, records=[record])
        headers = {"Authorization": f"Bearer {tokens[key]}", "Content-Type": MEDIA_MSGPACK}
        answer = client.post("/api/agent/records", content=msgspec.msgpack.encode(batch), headers=headers)
        assert answer.status_code == 200, answer.text
        while follower.step():
            pass

    return make


def register(head: TestClient, **more: Any) -> Any:
    asked = {"serial": STICK["serial"], "label": "U-001", "branch": "1001", **more}
    answer = head.post("/api/media", json=asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


def step(head: TestClient, deed: str, **more: Any) -> Any:
    return head.post("/api/media/step", json={"serial": "U-001", "deed": deed, **more})


def words(person: TestClient, **asked: Any) -> list[tuple[str, str, str]]:
    rows = person.get("/api/media/sightings", params=asked).json()["rows"]
    return [(row["agent"], row["way"], row["word"]) for row in rows]


def titles(person: TestClient) -> list[str]:
    """Of tickets about media: an agent that is silent for days has one of its own."""
    rows = person.get("/api/tickets").json()["rows"]
    return [row["title"] for row in rows if "移动介质" in row["title"]]


def test_a_registered_stick_is_seen_and_nobody_is_troubled(sign_in: SignIn, see: See, now: SetClock) -> None:
    head = sign_in(Role.HEAD)
    register(head, serial="e0d55ea573")  # as one reads it off another system
    see("1001-pc", "in")
    see("1001-pc", "out")
    assert words(head) == [("1001-pc", "out", "own"), ("1001-pc", "in", "own")]
    assert titles(head) == []
    [row] = head.get("/api/media").json()["rows"]
    assert (row["seen_by"], row["seen_way"], row["overdue"]) == ("1001-pc", "out", False)
    assert abs(row["seen_at"] - now()) < 2_000_000


def test_an_unknown_stick_opens_one_ticket_a_pc_however_often_it_comes(sign_in: SignIn, see: See) -> None:
    head = sign_in(Role.HEAD)
    for _ in range(20):
        see("1001-pc", "in")
        see("1001-pc", "out")
    see("centre", "found")
    assert len(titles(head)) == 2
    assert all("E0D55EA573" in title and "Kingston" in title for title in titles(head))
    numbers = {row["ticket"] for row in head.get("/api/media/sightings?agent=1001-pc").json()["rows"]}
    assert len(numbers) == 3  # and none of what was taken out


def test_after_its_ticket_is_done_the_stick_opens_another(sign_in: SignIn, see: See) -> None:
    head = sign_in(Role.HEAD)
    see("1001-pc", "in")
    [number] = [row["number"] for row in head.get("/api/tickets").json()["rows"]]
    for deed in ({"step": "accept"}, {"step": "finish", "outcome": "收缴"}):
        answer = head.post(f"/api/tickets/{number}/step", json=deed)
        assert answer.status_code == 200, answer.text
    see("1001-pc", "in")
    assert len(titles(head)) == 2


def test_a_branch_cannot_finish_what_the_server_opened(sign_in: SignIn, see: See) -> None:
    see("1001-pc", "in")
    branch = sign_in(Role.BRANCH, ["1001"])
    [number] = [row["number"] for row in branch.get("/api/tickets").json()["rows"]]
    answer = branch.post(f"/api/tickets/{number}/step", json={"step": "finish", "outcome": "x"})
    assert answer.status_code == 403


def test_a_hundred_sticks_of_one_pc_are_a_few_tickets_that_name_them_all(sign_in: SignIn, see: See) -> None:
    head = sign_in(Role.HEAD)
    for number in range(12):
        see("1001-pc", "in", {**STICK, "serial": f"S{number}"})
    rows = head.get("/api/tickets").json()["rows"]
    assert len(rows) == 5
    notes = [note["text"] for row in rows for note in head.get(f"/api/tickets/{row['number']}").json()["notes"]]
    assert sum(f"S{number}" in " ".join(notes) for number in range(5, 12)) == 7


def test_a_loan_that_is_over_opens_a_ticket_when_the_stick_is_used(sign_in: SignIn, see: See, now: SetClock) -> None:
    head = sign_in(Role.HEAD)
    register(head)
    due = datetime.fromtimestamp(now() / 1e6 + DAY, UTC).date()
    answer = step(head, "lend", keeper="王小兰", due=due.isoformat())
    assert (answer.status_code, answer.json()["status"], answer.json()["due"]) == (200, "lent", due.isoformat())
    see("1001-pc", "in")
    assert titles(head) == []
    now.forward(3 * DAY)
    head = sign_in(Role.HEAD)
    assert head.get("/api/media").json()["rows"][0]["overdue"] is True
    see("1001-pc", "in", ago=int(2.9 * DAY) * 1_000_000)  # in time, though it is told of only now
    see("1001-pc", "in")
    assert [word for _, _, word in words(head)] == ["overdue", "own", "own"]
    assert len(titles(head)) == 1
    assert step(head, "back").json()["overdue"] is False
    see("1001-pc", "in")
    assert words(head)[0][2] == "own"


def test_a_loan_that_is_over_and_put_in_nowhere_opens_one_ticket_until_it_is_back(
    sign_in: SignIn, database: Database, now: SetClock, see: See
) -> None:
    head, follower = sign_in(Role.HEAD), MediaFollower(database, now)

    def look() -> list[str]:
        while follower.step():
            pass
        return titles(head)

    register(head)
    due = datetime.fromtimestamp(now() / 1e6 + DAY, UTC).date().isoformat()
    step(head, "lend", keeper="王小兰", due=due)
    assert look() == []
    now.forward(3 * DAY)
    head = sign_in(Role.HEAD)
    late = [f"移动介质 U-001 借出至 {due}，逾期未归还"]
    assert (look(), look()) == (late, late)
    see("1001-pc", "in")  # the same matter
    assert look() == late
    [ticket] = [one for one in head.get("/api/tickets").json()["rows"] if one["title"] == late[0]]
    assert (ticket["subject"], ticket["status"]) == ("1001", "new")
    step(head, "back")
    done = head.get(f"/api/tickets/{ticket['number']}").json()
    assert (done["ticket"]["status"], done["ticket"]["outcome"]) == ("done", "介质已归还。")
    assert any("1001-pc: " in one["text"] for one in done["notes"])


@pytest.mark.parametrize(("deed", "word"), [("lost", "lost"), ("retire", "retired")])
def test_a_stick_that_was_given_up_and_is_in_again_opens_a_ticket(
    sign_in: SignIn, see: See, deed: str, word: str
) -> None:
    head = sign_in(Role.HEAD)
    register(head)
    assert step(head, deed).status_code == 200
    see("1001-pc", "in")
    assert words(head, odd=True) == [("1001-pc", "in", word)]
    assert len(titles(head)) == 1


def test_steps_that_make_no_sense_change_nothing(sign_in: SignIn, bank: dict[str, int]) -> None:
    head = sign_in(Role.HEAD)
    register(head)
    before = head.get("/api/media").json()["rows"]
    for deed, more, status in (
        ("lend", {"keeper": "王小兰"}, 422),  # until when?
        ("lend", {"due": "2099-01-01"}, 422),  # to whom?
        ("lend", {"keeper": "王小兰", "due": "2001-01-01"}, 422),
        ("lend", {"keeper": "王小兰", "due": "9999-12-31"}, 422),
        ("back", {"due": "2099-01-01"}, 422),
        ("hand", {}, 422),
        ("back", {"serial": "nobody's"}, 404),
        ("back", {}, 409),  # it is there
    ):
        assert step(head, deed, **more).status_code == status, (deed, more)
    assert head.get("/api/media").json()["rows"] == before
    own = {"serial": "other", "label": STICK["serial"]}  # either names a medium, so it is no other one's
    for again in ({"label": "U-002"}, {"serial": "other"}, {"serial": "u-001", "label": "U-002"}, own):
        asked = {"serial": STICK["serial"], "label": "U-001", "branch": "1001", **again}
        assert head.post("/api/media", json=asked).status_code == 409
    step(head, "lost")
    for deed, more in (("lend", {"keeper": "王小兰", "due": "2099-01-01"}), ("hand", {"keeper": "王小兰"})):
        assert step(head, deed, **more).status_code == 409  # nobody says that it was found
    assert head.get("/api/media").json()["rows"][0]["status"] == "lost"
    assert step(head, "retire").status_code == 200
    assert step(head, "back").status_code == 409


def test_what_is_back_is_with_its_keeper_again_and_not_with_the_borrower(sign_in: SignIn, bank: dict[str, int]) -> None:
    head = sign_in(Role.HEAD)
    register(head, keeper="李建国")
    for deeds in (("lend", "hand", "back"), ("lend", "lost", "back"), ("lost", "back")):
        for deed in deeds:
            more = {"keeper": "王小兰"} if deed in ("lend", "hand") else {}
            more |= {"due": "2099-01-01"} if deed == "lend" else {}
            told = step(head, deed, **more).json()
        assert (told["status"], told["keeper"]) == ("kept", "李建国"), deeds
    assert step(head, "hand", keeper="赵敏").json()["keeper"] == "赵敏"
    step(head, "lend", keeper="王小兰", due="2099-01-01")
    assert step(head, "back").json()["keeper"] == "赵敏"


def test_every_deed_is_in_the_journal_and_only_head_office_does_any(sign_in: SignIn, bank: dict[str, int]) -> None:
    head = sign_in(Role.HEAD)
    register(head)
    step(head, "lend", keeper="王小兰", due="2099-01-01")
    refused = step(head, "lend", keeper="李建国", due="2099-02-01")  # who has it would be forgotten
    assert (refused.status_code, "王小兰" in refused.json()["detail"]) == (409, True)
    assert head.get("/api/media").json()["rows"][0]["keeper"] == "王小兰"
    step(head, "hand", keeper="李四")
    for deed in ("lost", "back", "retire"):
        assert step(head, deed).status_code == 200
    rows = head.get("/api/journal?about=media:U-001").json()["rows"]
    assert [row["deed"] for row in rows][::-1] == [
        "media.register",
        "media.lend",
        "media.hand",
        "media.lost",
        "media.back",
        "media.retire",
    ]
    for person in (sign_in(Role.BRANCH, ["1001"]), sign_in(Role.AUDITOR)):
        assert person.post("/api/media", json={"serial": "x", "label": "x", "branch": "1001"}).status_code == 403
        assert step(person, "back").status_code == 403


def test_a_branch_sees_its_own_sticks_and_pcs_alone(sign_in: SignIn, see: See) -> None:
    head = sign_in(Role.HEAD)
    register(head)
    register(head, serial="OTHER", label="U-002", branch="1002")
    see("centre", "in")
    see("1001-pc", "in", {**STICK, "serial": "STRANGE"})
    branch = sign_in(Role.BRANCH, ["1001"])
    told = branch.get("/api/media").json()
    assert [(row["label"], row["seen_by"]) for row in told["rows"]] == [("U-001", "")]
    assert (told["watched"], told["agents"]) == (1, 1)
    assert words(branch) == [("1001-pc", "in", "unknown")]
    assert branch.get("/api/media/sightings?branch=0001").status_code == 404
    assert len(words(sign_in(Role.AUDITOR))) == 2


def test_what_a_stick_calls_itself_is_text_and_nothing_else(sign_in: SignIn, see: See) -> None:
    hostile = {"serial": "\x1b]0;x\x07'; DROP TABLE ticket; --\u202e", "vendor": "[/b]" * 99, "model": "=1+1"}
    head = sign_in(Role.HEAD)
    see("1001-pc", "in", {**hostile, "bytes": -5})
    see("1001-pc", "in", {"serial": 7, "vendor": "", "model": ""})  # says nothing
    see("1001-pc", "sideways")
    [row] = head.get("/api/media/sightings").json()["rows"]
    assert all(row[name].isprintable() and len(row[name]) <= 80 for name in ("serial", "vendor", "model"))
    assert (row["bytes"], row["model"], len(titles(head))) == (0, "=1+1", 1)
    book = openpyxl.load_workbook(io.BytesIO(head.get("/api/media/export").content))
    cells = [cell for row in book.worksheets[1].iter_rows() for cell in row if cell.value]
    assert "=1+1" in " ".join(str(cell.value) for cell in cells)
    assert {cell.data_type for cell in cells} == {"s"}


def test_a_stick_without_a_serial_is_never_the_banks(sign_in: SignIn, see: See) -> None:
    head = sign_in(Role.HEAD)
    register(head, serial="?KINGSTON DATATRAVELER")
    for _ in range(3):
        see("1001-pc", "in", {**STICK, "serial": ""})
    assert {word for _, _, word in words(head)} == {"unknown"}
    assert len(titles(head)) == 1


def test_the_file_says_of_how_many_agents_it_speaks_and_is_a_deed(sign_in: SignIn, see: See) -> None:
    register(sign_in(Role.HEAD))
    see("1001-pc", "in")
    answer = sign_in(Role.AUDITOR, lang="zh").get("/api/media/export")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert "2 个采集程序中 1 个" in book.worksheets[0]["A2"].value
    assert [cell.value for cell in book.worksheets[0][4]][:2] == ["U-001", "E0D55EA573"]
    [row] = sign_in(Role.HEAD).get("/api/journal?about=media:export").json()["rows"]
    assert (row["deed"], row["actor"]) == ("media.export", "auditor-all")


def test_old_sightings_go_and_those_of_tickets_stay(
    sign_in: SignIn, see: See, database: Database, now: SetClock
) -> None:
    register(sign_in(Role.HEAD))
    see("1001-pc", "in")
    see("1001-pc", "in", {**STICK, "serial": "STRANGE"})
    with database.write() as session:
        assert sweep_sightings(session, now() + 1, 0) is None
    with database.read() as session:
        assert [one.serial for one in session.exec(select(MediaSighting))] == ["STRANGE"]


def test_the_table_itself_refuses_a_due_date_of_what_is_not_lent(database: Database, bank: dict[str, int]) -> None:
    def stick(**more: Any) -> MediaStick:
        return MediaStick(stick="A", serial="a", label="l", branch_id=bank["1001"], keeper="", since=0, note="", **more)

    with pytest.raises(IntegrityError), database.write() as session:
        session.add(stick(status=StickStatus.KEPT, due=5))
    with database.read() as session:
        assert session.exec(select(Subject).where(Subject.key == "1001")).one()
