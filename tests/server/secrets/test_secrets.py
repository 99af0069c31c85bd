import stat
import sys
from pathlib import Path

import pytest
from sqlmodel import select

from server.errors import Invalid
from server.journal.deeds import Act
from server.journal.tables import JournalRow
from server.secrets.deeds import LONGEST, set_secret
from server.secrets.key import KeyFileError, create, load
from server.secrets.queries import opened
from server.secrets.sealing import SealBroken, fill_in, names_in, seal, unseal
from server.secrets.tables import Secret
from server.storage.database import Database

ACT = Act("wang", "cli", 1_000_000)
OPTIONS = {"community": "secret:atm-ro", "version": "2c", "rows": [3, {"deep": "secret:deep"}]}


@pytest.fixture
def key(tmp_path: Path) -> bytes:
    return create(tmp_path / "server.key")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes; the ACL of the home guards the key")
def test_only_its_owner_can_read_the_key_and_one_others_can_read_is_refused(tmp_path: Path, key: bytes) -> None:
    file = tmp_path / "server.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load(file) == key
    file.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load(file)


def test_a_file_that_is_no_key_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "server.key").write_bytes(b"not a key")
    (tmp_path / "server.key").chmod(0o600)
    with pytest.raises(KeyFileError, match="not a server's key"):
        load(tmp_path / "server.key")
    with pytest.raises(KeyFileError, match="cannot be read"):
        load(tmp_path / "missing.key")


def test_a_secret_comes_back_for_the_options_that_name_it(database: Database, key: bytes) -> None:
    with database.write() as session:
        set_secret(session, ACT, key, "atm-ro", "s3cret")
        set_secret(session, ACT, key, "deep", "s3cret-too")
    with database.read() as session:
        found = opened(session, key, names_in(OPTIONS))
    assert fill_in(OPTIONS, found) == {"community": "s3cret", "version": "2c", "rows": [3, {"deep": "s3cret-too"}]}


def test_the_value_is_in_neither_the_table_nor_the_journal(database: Database, key: bytes) -> None:
    with database.write() as session:
        set_secret(session, ACT, key, "atm-ro", "s3cret-community")
        set_secret(session, ACT, key, "atm-ro", "s3cret-changed")
    with database.read() as session:
        assert b"s3cret" not in session.get_one(Secret, "atm-ro").sealed
        rows = session.exec(select(JournalRow)).all()
    assert len(rows) == 2
    assert not any("s3cret" in str(row.model_dump()) for row in rows)


def test_a_secret_that_was_never_set_is_named() -> None:
    with pytest.raises(KeyError, match="atm-ro"):
        fill_in(OPTIONS, {})


def test_a_sealed_value_opens_under_no_other_name_and_by_no_other_key(tmp_path: Path, key: bytes) -> None:
    sealed = seal(key, "atm-ro", "s3cret")
    with pytest.raises(SealBroken):
        unseal(key, "ups-ro", sealed)
    with pytest.raises(SealBroken):
        unseal(create(tmp_path / "other.key"), "atm-ro", sealed)


def test_a_name_that_is_no_key_and_an_empty_value_are_refused(database: Database, key: bytes) -> None:
    with database.write() as session:
        for name, value in (("ATM RO", "x"), ("atm-ro", ""), ("atm-ro", "x" * (LONGEST + 1)), ("atm-ro", "x\0y")):
            with pytest.raises(Invalid):
                set_secret(session, ACT, key, name, value)
