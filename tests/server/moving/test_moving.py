"""From SQLite to PostgreSQL: every row, in one go, or nothing anywhere."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlmodel import col, func, select

from server.cli import main
from server.exit import Exit
from server.health.tables import RollUp
from server.home import Home, making
from server.ingest.tables import AgentSeen, Attested, RecordRow, Stream
from server.inventory.tables import Branch, Setting
from server.journal.deeds import Act, record
from server.journal.tables import JournalRow
from server.journal.verify import check
from server.migrations import EPOCH
from server.moving import rows as comparing
from server.queries import setting
from server.storage.database import Database
from server.storage.tables import metadata

NOON = 1_793_764_800_000_000
ACT = Act("os:tester", "cli", NOON)


@pytest.fixture
def home(tmp_path: Path, sqlite_bank: dict[str, int], sqlite_database: Database) -> Path:
    """A server's home with a bank, records, roll-ups and deeds in its database."""
    _furnish(sqlite_database, sqlite_bank)
    path = tmp_path / "home"
    with making(path):
        pass
    sqlite_database.close()
    for ending in ("-wal", "-shm"):
        (path / f"branchfleet.db{ending}").unlink(missing_ok=True)
    with sqlite3.connect(str(sqlite_database.engine.url.database)) as link:
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(str(sqlite_database.engine.url.database), path / "branchfleet.db")
    return path


def _furnish(database: Database, bank: dict[str, int]) -> None:
    same: dict[str, Any] = {"at": NOON, "confidence": 5, "wall": NOON, "boot": 7, "boot_id": "b", "arrived": NOON}
    printer, centre = bank["1001/printer-1"], bank["centre"]
    with database.write() as session:
        session.get_one(Branch, bank["0001"]).parent_id = None
        session.get_one(Branch, bank["1001"]).parent_id = bank["1002"]  # a row that comes later
        session.add(Stream(id=2, agent_id=centre, uid="two", first_seen=NOON))
        session.flush()
        session.add(Stream(id=1, agent_id=centre, uid="one", after_id=2, first=9, first_seen=NOON))
        session.flush()
        for seq in range(1, 12):
            session.add(
                RecordRow(stream_id=1, seq=seq, kind="state", subject_id=printer, body=bytes([seq, 0, 255]), **same)
            )
        session.flush()
        session.add(
            Attested(record_id=1, start=NOON, end=NOON + 5, subject_id=printer, agent_id=centre, good=1, failed=0)
        )
        session.add(AgentSeen(agent_id=centre, at=NOON, behind=True))
        for metric in ("Zähler", "a", "页数", "A", "a b", "", "ｆ"):  # the one order by letters, the other by bytes
            session.add(RollUp(subject_id=printer, metric=metric, hour=NOON, n=1, low=1.0, high=0.1, weighted=2.0,
                               seconds=1e-9, last=1e300, last_at=NOON))  # fmt: skip
        record(session, ACT, deed="test", about="server", before={"名": "旧"}, after={"名": "新"})
    with database.write() as session:
        session.exec(text("DELETE FROM record WHERE id = 11"))  # type: ignore[call-overload]


@pytest.fixture
def empty(cluster: Any) -> Iterator[str]:
    name, url = cluster.create()
    yield url
    cluster.drop(name)


@pytest.fixture
def move(home: Path, empty: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """`move()` runs the command; its exit code and what it said."""

    def run(url: str = "") -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["migrate-to", url or empty, "--home", str(home)])
        said = capsys.readouterr()
        return int(str(ended.value.code or 0)), said.out + said.err

    return run


def all_rows(database: Database) -> dict[str, list[str]]:
    """Every row but the deed of moving itself."""
    found = {}
    with database.read() as session:
        for table in metadata.sorted_tables:
            rows = [repr(row) for row in session.execute(table.select())]
            found[table.name] = sorted(row for row in rows if "server.move" not in row)
    return found


def test_every_row_is_there_and_the_server_goes_on_there(home: Path, move: Any, empty: str) -> None:
    with Home(home).database() as old:
        before = all_rows(old)
    code, said = move()
    assert code == 0, said
    assert "branchfleet.db.moved" in said
    assert not (home / "branchfleet.db").exists()
    with Home(home).database() as now:
        assert not now.sqlite
        after = all_rows(now)
        with now.read() as session:
            moved = session.exec(select(JournalRow).order_by(col(JournalRow.seq).desc()).limit(1)).one()
            assert moved.deed == "server.move"
            assert check(session).ok
    assert after == before
    assert sum(map(len, before.values())) > 40


def test_a_database_that_cannot_hold_chinese_is_refused_before_anything_is_made(
    home: Path, move: Any, cluster: Any, empty: str
) -> None:
    cluster._ask("CREATE DATABASE narrow ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    code, said = move(cluster.url("narrow"))
    assert (code, "LATIN1" in said) == (Exit.DATABASE, True)
    narrow = Database(cluster.url("narrow"))
    assert inspect(narrow.engine).get_table_names() == []
    narrow.close()
    cluster.drop("narrow")
    assert (home / "branchfleet.db").exists()


def test_numbers_go_on_where_they_were_and_keys_hold(home: Path, move: Any) -> None:
    assert move()[0] == 0
    with Home(home).database() as now, now.write() as session:
        taken = session.exec(select(func.max(RecordRow.id))).one()
        fresh = session.execute(text("SELECT nextval(pg_get_serial_sequence('record', 'id'))")).scalar_one()
        assert (taken, fresh) == (10, 12)
        names = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND conparentid = 0"
        wanted = sum(len(table.foreign_key_constraints) for table in metadata.sorted_tables)
        wanted -= 7  # SQLite alone: `attested`, `health`, `latest` to the log; `record`, `attested` to what is there
        assert session.execute(text(names)).scalar_one() == wanted


def test_to_agents_it_is_the_same_database(home: Path, move: Any) -> None:
    with Home(home).database() as old, old.read() as session:
        epoch = setting(session, EPOCH, "")
    assert move()[0] == 0
    with Home(home).database() as now, now.read() as session:
        assert setting(session, EPOCH, "") == epoch != ""


def test_nothing_is_moved_while_anybody_has_the_file(home: Path, move: Any, empty: str) -> None:
    with Home(home).database() as running, running.read() as session:
        assert session.get(Setting, EPOCH) is not None
        code, said = move()
    assert code == Exit.BUSY
    assert "branchfleet.db" in said
    assert (home / "branchfleet.db").exists()
    assert move()[0] == 0


def test_a_database_with_a_server_in_it_is_left_alone(home: Path, move: Any, empty: str, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "another")
    assert move()[0] == 0
    shutil.rmtree(home)
    shutil.copytree(tmp_path / "another", home)
    code, said = move()
    assert code == Exit.REFUSED
    assert (home / "branchfleet.db").exists()
    assert "already" in said or "已" in said


def test_a_row_that_differs_undoes_it_all(home: Path, move: Any, empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a disk or a driver would change a value on its way."""
    theirs = comparing.postgres_rows

    def spoiled(link: Any, side: Any) -> Iterator[Any]:
        for row in theirs(link, side):
            yield row if side.name != "record" else (*row[:-1], b"other")

    monkeypatch.setattr(comparing, "postgres_rows", spoiled)
    code, said = move()
    assert code == Exit.DATABASE
    assert "record" in said
    assert (home / "branchfleet.db").exists()
    monkeypatch.undo()
    assert move()[0] == 0


@pytest.mark.parametrize(
    "url", ["sqlite:////tmp/x.db", "postgresql://", "nonsense", "postgresql://nobody@127.0.0.1:1/x"]
)
def test_what_is_no_database_of_postgresql_is_said_in_a_sentence(home: Path, move: Any, url: str) -> None:
    code, said = move(url)
    assert code in (Exit.BAD_INPUT, Exit.CANNOT_REACH)
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1
    assert (home / "branchfleet.db").exists()
