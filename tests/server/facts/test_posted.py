"""Hosts that sign what they say: the script each is given, and the file it writes for a stick."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from agent.inventory.posted import Document, opened, written
from drivers.host import script
from drivers.sim.ssh import HEALTHY, linux_facts
from server.clock import SetClock
from server.errors import Conflict, NotFound
from server.facts.posted import script_of
from server.inventory.tables import Position
from server.journal.deeds import Act
from server.journal.tables import JournalRow
from server.schemas.people import Role
from server.secrets.deeds import set_secret
from server.secrets.key import create
from server.storage.database import Database

SignIn = Callable[..., TestClient]
Bring = Callable[..., Any]
HOST = "1001/atm-1"
KEY = "the key of one host, and long"
ACT = Act("wang", "cli", 1_000_000)
SAID = linux_facts(HEALTHY | {"listens": "445"}, 1_790_000_000)


@pytest.fixture
def host(database: Database, bank: dict[str, int]) -> str:
    return _posts(database, bank, KEY)


def _posts(database: Database, bank: dict[str, int], key: str) -> str:
    with database.write() as session:
        position = session.get_one(Position, bank[HOST])
        position.driver, position.address, position.options = "host/posted", "10.66.1.5:8787", {"key": key}
        session.add(position)
    return HOST


def document(at: int, key: str = KEY, **other: Any) -> bytes:
    said = b"BEGIN-FACTS\n%sEND-FACTS\n" % SAID
    told = Document(HOST, at, "0f" * 16, script.FACTS, script.SHA256[script.FACTS], said)
    return written(told._replace(**other), key.encode())


@pytest.fixture
def bring() -> Bring:
    """`bring(person, raw)` gives the answer."""

    def ask(person: TestClient, raw: bytes) -> Any:
        content = base64.b64encode(raw).decode()
        return person.post("/api/facts/import", json={"file": "pc-7.bff", "content": content})

    return ask


def journal(database: Database, deed: str) -> list[JournalRow]:
    with database.read() as session:
        return list(session.exec(select(JournalRow).where(JournalRow.deed == deed)).all())


def test_a_file_is_filed_as_of_when_its_host_wrote_it(
    sign_in: SignIn, bring: Bring, host: str, database: Database, now: SetClock
) -> None:
    head, at = sign_in(Role.HEAD), (now() // 1_000_000 - 3 * 86_400) * 1_000_000
    assert bring(head, document(at)).json() == {"position": host, "at": at, "taken": True, "known": None}
    told = head.get(f"/api/positions/{host}/facts").json()
    assert (told["at"], told["old"], told["facts"]["ports.tcp"]) == (at, True, ["22", "445"])
    assert (told["facts"]["facts.source"], told["facts"]["script.name"]) == ("import", "facts.sh")
    [deed] = journal(database, "facts.import")
    assert (deed.about, deed.actor) == (host, "head-all")


@pytest.mark.parametrize("earlier", [0, 1])
def test_what_is_not_newer_than_known_changes_nothing(
    earlier: int, sign_in: SignIn, bring: Bring, host: str, now: SetClock
) -> None:
    head, at = sign_in(Role.HEAD), (now() // 1_000_000 - 60) * 1_000_000
    bring(head, document(at))
    before = head.get(f"/api/positions/{host}/facts").json()
    said = document(at - earlier * 1_000_000, said=b"BEGIN-FACTS\nhost.name=other\nEND-FACTS\n")
    again = bring(head, said).json()
    assert (again["taken"], again["known"]) == (False, at)
    assert head.get(f"/api/positions/{host}/facts").json() == before


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"key": "another key altogether"}, "is not signed by 1001/atm-1"),
        ({"position": "1002/atm-1"}, "is not signed by 1002/atm-1"),  # it does not post
        ({"position": "1001/none"}, "is not signed by 1001/none"),
        ({"sha256": "0" * 64}, "changed, newer than this server, or too old: write it anew"),
        ({"said": b"BEGIN-FACTS\nhost.name=cut\n"}, "cannot be read: the script was cut off"),
        ({"at": 4_000_000_000_000_000}, "is dated in the future: the clock of 1001/atm-1 is wrong"),
    ],
)
def test_what_will_not_do_is_told_in_a_sentence_and_changes_nothing(
    wrong: dict[str, Any], sentence: str, sign_in: SignIn, bring: Bring, host: str, database: Database, now: SetClock
) -> None:
    head = sign_in(Role.HEAD)
    answer = bring(head, document(**({"at": now()} | wrong)))
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]
    assert head.get(f"/api/positions/{host}/facts").json()["at"] is None
    assert journal(database, "facts.import") == []


def test_why_a_file_will_not_do_is_said_in_chinese(sign_in: SignIn, bring: Bring, host: str, now: SetClock) -> None:
    answer = bring(sign_in(Role.HEAD, lang="zh"), document(now(), said=b"BEGIN-FACTS\nhost.name=cut\n"))
    assert answer.json()["detail"] == "pc-7.bff 无法解析：脚本的输出不完整。"


def test_a_file_of_a_clock_that_is_ahead_hides_nothing_that_the_host_says_later(
    sign_in: SignIn, bring: Bring, host: str, now: SetClock
) -> None:
    """For as long as its date is to come, whatever the host posts would look older."""
    head = sign_in(Role.HEAD)
    assert "is dated in the future" in bring(head, document(now() + 10 * 60_000_000)).json()["detail"]
    now.forward(9 * 60)
    assert bring(head, document(now())).json()["taken"] is True


def test_what_is_no_such_file_is_told_so(sign_in: SignIn, bring: Bring, host: str) -> None:
    for raw in (b"", b"%PDF-1.4", b"branchfleet-facts 2\n", b"\xff" * 1000):
        answer = bring(sign_in(Role.HEAD), raw)
        assert (answer.status_code, answer.json()["detail"]) == (422, "pc-7.bff is no file of a host's facts.")


def test_a_branch_brings_files_of_its_own_hosts_alone(sign_in: SignIn, bring: Bring, host: str, now: SetClock) -> None:
    other = bring(sign_in(Role.BRANCH, ["1002"]), document(now()))
    assert "is not signed by" in other.json()["detail"]
    assert bring(sign_in(Role.AUDITOR), document(now())).status_code == 403
    assert bring(sign_in(Role.BRANCH, ["1001"]), document(now())).json()["taken"] is True


def test_the_script_of_a_position_signs_by_its_secret(
    database: Database, bank: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        script, "shipped", lambda name: b'printf "%s\\nhost.name=x\\n%s\\n" $begin_marker $end_marker\n'
    )
    seal = create(tmp_path / "server.key")
    host = _posts(database, bank, "secret:hosts")
    with database.write() as session, pytest.raises(NotFound, match="no secret hosts"):
        script_of(session, ACT, seal, host, "linux")
    with database.write() as session:
        set_secret(session, ACT, seal, "hosts", KEY)
        (tmp_path / "post.sh").write_bytes(script_of(session, ACT, seal, host, "linux"))
        windows = script_of(session, ACT, seal, host, "windows")
        with pytest.raises(Conflict, match="not host/posted"):
            script_of(session, ACT, seal, "1002/atm-1", "linux")
    subprocess.run(["sh", str(tmp_path / "post.sh"), "--to-file", str(tmp_path / "it")], check=True, timeout=60)
    told = opened((tmp_path / "it").read_bytes(), KEY.encode())
    assert told is not None
    assert (told.position, told.said) == (host, b"BEGIN-FACTS\nhost.name=x\nEND-FACTS\n")
    assert base64.b64encode(KEY.encode()) in windows
    assert [deed.about for deed in journal(database, "host.script")] == [host, host]
    assert KEY not in str([deed.after for deed in journal(database, "host.script")])
