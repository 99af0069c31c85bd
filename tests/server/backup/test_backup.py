"""A server's whole state in one file, and back: whole or not at all, and without the keys unless they are sealed."""

import io
import json
import math
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from backports import zstd
from sqlalchemy import text
from sqlmodel import select

from server.backup import archive, keys
from server.backup.archive import Damaged, Foreign, Newer
from server.backup.copies import NoProgram, copy_sqlite, restore_postgresql
from server.backup.keys import WrongPassphrase
from server.backup.make import back_up
from server.backup.restore import NotEmpty, restore
from server.backup.written import packed, put, written_in
from server.cli import main
from server.exit import Exit
from server.home import Home, making
from server.inventory.tables import Setting
from server.journal.deeds import Act
from server.journal.verify import check
from server.migrations import EPOCH, upgrade
from server.queries import setting
from server.retention.months import begin_month, parts_of
from server.storage.database import Database

NOON = 1_793_764_800_000_000
ACT = Act("os:tester", "cli", NOON)
PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.backup.keys._COST", 1 << 4)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A server's home with one value in its database, and keys."""
    path = tmp_path / "home"
    with making(path) as (made, database), database.write() as session:
        session.add(Setting(key="bank.name", value="青禾农商银行"))
    (path / "tls").mkdir(exist_ok=True)
    (path / "tls" / "authority.pem").write_text("a key")
    return made


@pytest.fixture
def backup(home: Home, tmp_path: Path) -> Path:
    file = tmp_path / "backup.bfb"
    back_up(home, file, NOON, PASSPHRASE)
    return file


def bank_of(home: Path) -> tuple[str, str]:
    """The bank's name and the epoch of the database."""
    database = Database(f"sqlite:///{home / 'branchfleet.db'}")
    try:
        with database.read() as session:
            return setting(session, "bank.name", ""), setting(session, EPOCH, "")
    finally:
        database.close()


def passphrase() -> str:
    return PASSPHRASE


def test_what_is_restored_is_what_was_backed_up_under_a_new_epoch(backup: Path, home: Home, tmp_path: Path) -> None:
    new = tmp_path / "new"
    restored = restore(backup, new, ACT, passphrase, None)
    name, epoch = bank_of(new)
    assert name == "青禾农商银行"
    assert epoch == restored.epoch != bank_of(home.path)[1] == restored.manifest.epoch
    assert restored.journal.ok
    assert restored.has_key
    for key in ("server.key", "tls/authority.pem"):
        assert (new / key).read_bytes() == (home.path / key).read_bytes()
        assert stat.S_IMODE((new / key).stat().st_mode) == 0o600
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert not (new / "keys.sealed").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_the_bank_wrote_down_for_its_checks_comes_along(home: Home, tmp_path: Path) -> None:
    written = {
        "checks/bank.toml": b"extended = []",
        "checks/\xe5.toml": b"not ready yet [[",
        "templates/storm.toml": b"id",
    }
    for name, said in written.items():
        (home.path / name).parent.mkdir(exist_ok=True)
        (home.path / name).write_bytes(said)
    os.mkfifo(home.path / "checks" / "fifo.toml")
    (home.path / "checks" / "link.toml").symlink_to("/etc/passwd")
    back_up(home, tmp_path / "b.bfb", NOON)
    restore(tmp_path / "b.bfb", tmp_path / "new", ACT, None, None)
    assert written_in(tmp_path / "new") == written
    assert not (tmp_path / "new" / "written.msgpack").exists()


@pytest.mark.parametrize(
    "name", ["../b.toml", "checks/../../b.toml", "tls/ca.toml", "checks/a.sh", "checks/a\n.toml", ""]
)
def test_a_file_goes_nowhere_but_where_the_bank_writes(name: str, tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        put(packed({"checks/a.toml": b"", name: b"x"}), tmp_path / "b.bfb", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_passphrase_no_key_is_in_it(home: Home, tmp_path: Path) -> None:
    back_up(home, tmp_path / "plain.bfb", NOON)
    unpacked = zstd.decompress((tmp_path / "plain.bfb").read_bytes())
    assert (home.path / "server.key").read_bytes().strip() not in unpacked
    assert not restore(tmp_path / "plain.bfb", tmp_path / "new", ACT, passphrase, None).has_key


def test_the_wrong_passphrase_restores_nothing(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase):
        restore(backup, tmp_path / "new", ACT, lambda: "not the one at all", None)
    assert not (tmp_path / "new").exists()
    assert not restore(backup, tmp_path / "new", ACT, None, None).has_key


def test_sealed_keys_say_nothing_and_are_not_to_be_changed() -> None:
    sealed = keys.seal({"server.key": b"secret"}, PASSPHRASE)
    assert b"secret" not in sealed
    assert keys.unseal(sealed, PASSPHRASE) == {"server.key": b"secret"}
    for at in range(0, len(sealed), 7):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(WrongPassphrase):
            keys.unseal(bytes(changed), PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        keys.check("short")


def test_a_file_cut_off_anywhere_or_changed_anywhere_is_told_and_restores_nothing(backup: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    spoiled = tmp_path / "spoiled.bfb"
    step = len(whole) // 40
    for at in range(0, len(whole), step):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        for body in (whole[:at], bytes(changed)):
            if _unpacked(body) == zstd.decompress(whole):
                continue  # a bit of the packing that says nothing
            spoiled.write_bytes(body)
            with pytest.raises((Foreign, Damaged)):
                archive.read(spoiled)
    spoiled.write_bytes(whole[:-1])
    with pytest.raises((Foreign, Damaged)):
        restore(spoiled, tmp_path / "new", ACT, passphrase, None)
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def _unpacked(body: bytes) -> bytes | None:
    try:
        return zstd.decompress(body)
    except zstd.ZstdError:
        return None


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04", zstd.compress(b"hello"), b"\0" * 5000])
def test_a_file_of_another_kind_is_told_so(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_bytes(body)
    with pytest.raises((Foreign, Damaged)):
        archive.read(tmp_path / "thesis.doc")


def repacked(backup: Path, target: Path, changes: dict[str, Any], more: dict[str, bytes] | None = None) -> Path:
    """The backup with its manifest changed, and more members, as nobody of ours would write it."""
    with tarfile.open(fileobj=io.BytesIO(zstd.decompress(backup.read_bytes()))) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    manifest = msgspec.json.decode(members["manifest.json"]) | changes
    members["manifest.json"] = msgspec.json.encode(manifest)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in (members | (more or {})).items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    target.write_bytes(zstd.compress(packed.getvalue()))
    return target


@pytest.mark.parametrize("changes", [{"format": 3}, {"schema": "9999"}])
def test_a_file_of_a_later_version_is_told_so(changes: dict[str, Any], backup: Path, tmp_path: Path) -> None:
    later = repacked(backup, tmp_path / "later.bfb", changes)
    with pytest.raises(Newer):
        restore(later, tmp_path / "new", ACT, passphrase, None)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "server.key", "manifest.json/x"])
def test_a_member_the_manifest_does_not_name_is_not_unpacked(name: str, backup: Path, tmp_path: Path) -> None:
    evil = repacked(backup, tmp_path / "evil.bfb", {}, {name: b"x"})
    with pytest.raises(Damaged):
        restore(evil, tmp_path / "new", ACT, passphrase, None)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "evil").exists()


def test_no_home_with_something_in_it_is_touched(backup: Path, home: Home, tmp_path: Path) -> None:

    with pytest.raises(NotEmpty):
        restore(backup, home.path, ACT, passphrase, None)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert restore(backup, empty, ACT, passphrase, None).journal.ok


def test_the_copy_is_of_one_moment_while_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction writes a pair; the copy never holds half of one, and the writer is never kept waiting."""
    monkeypatch.setattr("server.backup.copies.PAGES", 4)
    database = Database(f"sqlite:///{tmp_path / 'busy.db'}")
    upgrade(database)
    written = 0

    def write_pair() -> None:
        nonlocal written
        with database.write() as session:
            session.add(Setting(key=f"a{written}", value="x" * 900))
            session.add(Setting(key=f"b{written}", value="x" * 900))
        written += 1

    for _ in range(20):
        write_pair()
    before = written
    copy_sqlite(tmp_path / "busy.db", tmp_path / "copy.db", lambda done, whole: write_pair())
    assert written > before + 5, "pairs were written between the steps"
    copied = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    with copied.read() as session:
        names = {row.key for row in session.exec(select(Setting)).all()}
        assert check(session).ok
    copied.close()
    database.close()
    halves = [{name[1:] for name in names if name[0] == letter and name[1:].isdigit()} for letter in "ab"]
    assert halves[0] == halves[1] == {str(number) for number in range(before)}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if sys.platform == "win32" or os.getuid() != 0:
        pytest.skip("mounting a small disk needs root: run the tests as root")
    path = tmp_path / "small"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)], check=False)
    if done.returncode:
        pytest.skip("mounting a small disk needs root with CAP_SYS_ADMIN: docker run --privileged")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_leaves_nothing_half_made(home: Home, backup: Path, small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        back_up(home, small_disk / "backup.bfb", NOON)
    assert list(small_disk.iterdir()) == []
    with pytest.raises(OSError, match="No space left"):
        restore(backup, small_disk / "new", ACT, passphrase, None)
    assert list(small_disk.iterdir()) == []


def test_a_backup_of_postgresql_is_restored_into_an_empty_database(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, url = cluster.create()
    empty, target = cluster.create()
    cluster._ask(f"DROP DATABASE {empty}")
    cluster._ask(f"CREATE DATABASE {empty}")
    with monkeypatch.context() as patch:
        patch.setenv("BRANCHFLEET_DATABASE", url)
        with making(tmp_path / "home") as (home, database), database.write() as session:
            session.add(Setting(key="bank.name", value="青禾农商银行"))
        manifest = back_up(home, tmp_path / "backup.bfb", NOON, PASSPHRASE)
    assert manifest.database == "postgresql"
    restored = restore(tmp_path / "backup.bfb", tmp_path / "new", ACT, passphrase, target)
    with Home(tmp_path / "new").database() as database, database.read() as session:
        assert setting(session, "bank.name", "") == "青禾农商银行"
        assert setting(session, EPOCH, "") == restored.epoch != manifest.epoch

    with pytest.raises(NotEmpty):
        restore(tmp_path / "backup.bfb", tmp_path / "again", ACT, passphrase, target)
    for name in (source, empty):
        cluster.drop(name)


def test_months_of_the_record_log_are_restored_and_go_on(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, url = cluster.create()
    empty, target = cluster.create()
    cluster._ask(f"DROP DATABASE {empty}")
    cluster._ask(f"CREATE DATABASE {empty}")
    with monkeypatch.context() as patch:
        patch.setenv("BRANCHFLEET_DATABASE", url)
        with making(tmp_path / "home") as (home, database), database.write() as session:
            assert begin_month(session.connection(), date(2026, 11, 4))
            months = parts_of(session.connection())
        back_up(home, tmp_path / "backup.bfb", NOON, PASSPHRASE)
    restore(tmp_path / "backup.bfb", tmp_path / "new", ACT, passphrase, target)
    with Home(tmp_path / "new").database() as database, database.write() as session:
        link = session.connection()
        assert parts_of(link) == months
        assert not begin_month(link, date(2026, 11, 5))
        assert link.execute(text("SELECT nextval('record_id_seq')")).scalar_one() == months[-1].start
        assert begin_month(link, date(2026, 12, 1))
    for name in (source, empty):
        cluster.drop(name)


def test_without_postgresqls_programs_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoProgram, match=r"pg_restore is not on this machine.*apt-get install postgresql-client"):
        restore_postgresql("postgresql+psycopg://branchfleet@db/branchfleet", tmp_path / "dump")


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`say("backup", "FILE", stdin="...")`: the code, and what the command said on its two streams."""

    # how far it is, a line a second, depends on the machine; what is told here does not
    monkeypatch.setattr("server.backup.command.SHOWN", math.inf)

    def make(*words: str, stdin: str = "", lang: str = "en") -> tuple[int, str, str]:
        monkeypatch.setenv("BRANCHFLEET_LANG", lang)
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return int(ended.value.code or 0), *capsys.readouterr()

    return make


def test_the_commands_say_one_sentence_and_end_with_the_code_for_it(home: Home, tmp_path: Path, say: Any) -> None:
    at, file, new = ("--home", str(home.path)), str(tmp_path / "b.bfb"), ("--home", str(tmp_path / "new"))
    code, out, err = say("backup", file, *at, "--with-keys", "--json", stdin=f"{PASSPHRASE}\n")
    assert (code, err) == (Exit.DONE, "")
    assert json.loads(out)["database"] == "sqlite"
    for words, stdin, wanted, said in (
        (("backup", file, *at), "", Exit.REFUSED, "is there already"),
        (("backup", str(tmp_path / "c.bfb"), *at, "--with-keys"), "short\n", Exit.BAD_INPUT, "12 characters"),
        (("backup", str(tmp_path / "no" / "c.bfb"), *at), "", Exit.CANNOT_WRITE, "No such file or directory"),
        (("backup", str(home.path / "server.toml"), "--check"), "", Exit.BAD_INPUT, "is not a backup"),
        (("backup", str(tmp_path / "none.bfb"), "--check"), "", Exit.BAD_INPUT, "cannot be read: No such file"),
        (("restore", str(tmp_path / "none.bfb"), *new), "", Exit.BAD_INPUT, "cannot be read: No such file"),
        (("restore", file, *new), "not the passphrase\n", Exit.BAD_INPUT, "does not open"),
        (("restore", file, *at), "", Exit.REFUSED, "is not empty"),
    ):
        code, out, err = say(*words, stdin=stdin)
        assert (code, out, said in err, err.count("\n")) == (wanted, "", True, 1), (words, err)
    assert say("backup", file, "--check")[0] == Exit.DONE
    code, out, err = say("restore", file, *new, "--without-keys", "--json")
    assert (code, json.loads(out)["journal_ok"]) == (Exit.DONE, True)
    assert "put it into" in err


def test_a_place_that_cannot_be_written_is_named_as_the_person_gave_it(home: Home, tmp_path: Path, say: Any) -> None:
    file, folder = tmp_path / "file", tmp_path / "no"
    file.write_text("x")
    at = ("--home", str(home.path))
    back_up(home, tmp_path / "b.bfb", NOON)
    for words, code, sentence in (
        (("backup", str(folder / "c.bfb"), *at), Exit.CANNOT_WRITE, f"{folder}：没有这个文件或文件夹。"),
        (("backup", str(file / "c.bfb"), *at), Exit.CANNOT_WRITE, f"{file}/c.bfb：路径中有一个是文件，不是文件夹。"),
        (("backup", str(tmp_path / ("c" * 250)), *at), Exit.CANNOT_WRITE, f"{tmp_path / ('c' * 250)}：文件名太长。"),
        (
            ("backup", str(folder / "c.bfb"), "--check"),
            Exit.BAD_INPUT,
            f"{folder / 'c.bfb'} 无法读取：没有这个文件或文件夹。",
        ),
        (
            ("restore", str(tmp_path), "--home", str(folder)),
            Exit.BAD_INPUT,
            f"{tmp_path} 无法读取：它是一个文件夹，不是文件。",
        ),
        (
            ("restore", str(tmp_path / "b.bfb"), "--home", str(file / "new")),
            Exit.CANNOT_WRITE,
            f"{file}：已有同名的文件。",
        ),
    ):
        assert say(*words, lang="zh") == (code, "", f"{sentence}\n"), words
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.bfb", "file", "home"]


@pytest.mark.skipif(sys.platform != "linux", reason="a folder that refuses even root is /proc, of Linux")
def test_where_nothing_can_be_made_the_folder_beside_it_is_not_named(home: Home, tmp_path: Path, say: Any) -> None:
    back_up(home, tmp_path / "b.bfb", NOON)
    said = "/proc/new：没有这个文件或文件夹。\n"
    assert say("backup", "/proc/new", "--home", str(home.path), lang="zh") == (Exit.CANNOT_WRITE, "", said)
    restoring = ("restore", str(tmp_path / "b.bfb"), "--home", "/proc/new")
    assert say(*restoring, lang="zh") == (Exit.CANNOT_WRITE, "", said)


def test_a_person_is_told_the_moment_in_the_banks_zone_both_heads_and_what_happens_next(
    home: Home, tmp_path: Path, say: Any
) -> None:
    with home.database() as database, database.write() as session:
        session.add(Setting(key="bank.zone", value="Asia/Kathmandu"))
    file, new = tmp_path / "b.bfb", tmp_path / "new"
    manifest = back_up(home, file, NOON)
    code, checked, _ = say("backup", str(file), "--check")
    assert code == Exit.DONE
    code, restored, _ = say("restore", str(file), "--home", str(new))
    assert code == Exit.DONE
    for told in (checked, restored):
        assert "2026-11-04 09:45:00 (Asia/Kathmandu)" in told
        assert manifest.journal_head in told
        assert "{" not in told
    database = Database(f"sqlite:///{new / 'branchfleet.db'}")
    with database.read() as session:
        assert check(session).head in restored
    database.close()
    assert "put it into" in restored
    assert "Agents send again" in restored
