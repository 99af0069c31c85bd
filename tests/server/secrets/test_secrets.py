import stat
import sys
from pathlib import Path

import pytest
from sqlmodel import select

from server.errors import Invalid
from server.journal.deeds import Act
from server.journal.tables import JournalRow
from server.secrets.deeds import NoSuchSecret, fill, set_secret
from server.secrets.seal import BadKey, Seal, make_key
from server.secrets.tables import Secret
from server.storage.database import Database

ACT = Act("wang", "cli", 1_000_000)


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    make_key(tmp_path / "server.key")
    return Seal(tmp_path / "server.key")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes; the home's ACL guards the key")
def test_only_its_owner_can_read_the_key(tmp_path: Path, seal: Seal) -> None:
    assert stat.S_IMODE((tmp_path / "server.key").stat().st_mode) == 0o600


def test_an_option_that_names_a_secret_is_filled_and_others_stay(database: Database, seal: Seal) -> None:
    with database.write() as session:
        set_secret(session, ACT, seal, "atm-ro", "s3cret-community")
    with database.read() as session:
        filled = fill(session, seal, {"community": "secret:atm-ro", "version": "2c", "rows": 3})
    assert filled == {"community": "s3cret-community", "version": "2c", "rows": 3}


def test_the_value_is_in_neither_the_table_nor_the_journal(database: Database, seal: Seal) -> None:
    with database.write() as session:
        set_secret(session, ACT, seal, "atm-ro", "s3cret-community")
        set_secret(session, ACT, seal, "atm-ro", "s3cret-changed")
    with database.read() as session:
        assert b"s3cret" not in session.get_one(Secret, "atm-ro").sealed
        rows = session.exec(select(JournalRow)).all()
    assert [row.deed for row in rows] == ["secret.set", "secret.change"]
    assert not any("s3cret" in str(row.model_dump()) for row in rows)


def test_a_secret_that_was_never_set_is_named(database: Database, seal: Seal) -> None:
    with database.read() as session, pytest.raises(NoSuchSecret, match="atm-ro"):
        fill(session, seal, {"community": "secret:atm-ro"})


def test_a_sealed_value_does_not_open_under_another_name_or_key(tmp_path: Path, seal: Seal) -> None:
    sealed = seal.close("atm-ro", "s3cret")
    with pytest.raises(BadKey):
        seal.open("ups-ro", sealed)
    make_key(tmp_path / "other.key")
    with pytest.raises(BadKey, match=r"other\.key is not the key"):
        Seal(tmp_path / "other.key").open("atm-ro", sealed)


def test_a_name_that_is_no_key_and_an_empty_value_are_refused(database: Database, seal: Seal) -> None:
    with database.write() as session:
        for name, value in (("ATM RO", "x"), ("atm-ro", ""), ("atm-ro", "x" * 1025)):
            with pytest.raises(Invalid):
                set_secret(session, ACT, seal, name, value)
