"""`branchfleet-server` as a person types it: data on stdout, sentences on stderr, and codes a script can rely on."""

import io
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import httpx2
import psycopg
import pytest

from server.backup.told import keys_first
from server.cli import main
from server.exit import Exit
from server.home import Home
from server.labels import LABELS
from server.schemas.agents import IdentityStanding, SpeakerOut
from server.texts import gettext_for

DEADLINE = 90.0


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return {"BRANCHFLEET_HOME": str(home), "BRANCHFLEET_LANG": "en", "BRANCHFLEET_PASSWORD_MEMORY": "32"}


@pytest.fixture
def say(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """`say("person", "list")`: the command, with what it said and its code."""

    def make(*words: str, stdin: str = "", **more: str) -> Said:
        with monkeypatch.context() as patch:
            for key, value in (environ | more).items():
                patch.setenv(key, value)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            with pytest.raises(SystemExit) as ended:
                main(list(words))
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return make


@pytest.fixture
def made(say: Callable[..., Said]) -> dict[str, str]:
    """A home with its first administrator; what `init --json` said."""
    said = say("init", "--login", "liming", "--name", "李明", "--json")
    assert said.returncode == Exit.DONE, said.stderr
    told: dict[str, str] = json.loads(said.stdout)
    return told


BANK = """
[bank]
name = "清溪农商银行"
[[branch]]
key = "1001"
name = "正午支行"
kind = "head-office"
[[agent]]
key = "1001-pc"
name = "网点采集"
branch = "1001"
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def failed(said: Said, code: Exit, *words: str) -> None:
    """It ended with `code` and one sentence, and said nothing else."""
    assert said.returncode == code, said.stderr
    assert "Traceback" not in said.stderr
    for word in words:
        assert word in said.stderr


def test_init_makes_a_home_only_its_owner_may_read(home: Path, made: dict[str, str], say: Any) -> None:
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "server.key").stat().st_mode) == 0o600
    assert made["login"] == "liming"
    people = json.loads(say("person", "list", "--json").stdout)
    assert [(person["login"], person["role"], person["must_change"]) for person in people] == [("liming", "head", True)]
    failed(say("init"), Exit.REFUSED, "already", str(home))


def test_the_one_time_password_is_told_once_and_kept_nowhere(home: Path, made: dict[str, str]) -> None:
    for path in filter(Path.is_file, home.rglob("*")):
        assert made["password"].encode() not in path.read_bytes()


def test_an_init_that_fails_leaves_no_home_behind(home: Path, say: Any) -> None:
    failed(say("init", "--login", "Li Ming"), Exit.BAD_INPUT, "Li Ming is not a login")
    assert not (home / "server.key").exists()
    assert not (home / "branchfleet.db").exists()
    assert say("init").returncode == Exit.DONE


def test_a_folder_with_other_things_in_it_is_left_alone(home: Path, say: Any) -> None:
    home.mkdir()
    (home / "thesis.doc").write_text("x")
    failed(say("init"), Exit.REFUSED, "choose one of its own")
    assert [path.name for path in home.iterdir()] == ["thesis.doc"]


@pytest.mark.parametrize(
    "words", [("status",), ("run",), ("person", "list"), ("journal", "check"), ("agent", "code", "1001")]
)
def test_without_a_home_every_command_says_how_to_make_one(say: Any, words: tuple[str, ...]) -> None:
    failed(say(*words), Exit.NOT_SET_UP, "branchfleet-server init")


@pytest.mark.parametrize("name", ["\x1b[31m李明", "李\x9b明", "李\u202e明", "李\n明"])
def test_a_name_that_would_give_a_terminal_orders_is_refused(home: Path, say: Any, name: str) -> None:
    failed(say("init", "--name", name), Exit.BAD_INPUT, "control character")
    assert say("init", "--name", "李　明").returncode == Exit.DONE
    failed(say("person", "add", "wang", "--name", name, "--role", "head"), Exit.BAD_INPUT, "control character")


def test_what_came_in_before_is_listed_without_its_orders(home: Path, made: Any, say: Any) -> None:
    with closing(sqlite3.connect(home / "branchfleet.db")) as database:
        database.execute("UPDATE person SET name = ?", ("\x1b[31m李\t\x9b明",))
        database.commit()
    assert say("person", "list").stdout == "liming\thead\t\\x1b[31m李\\t\\x9b明\t\tmust_change\n"


def test_what_commands_print_is_labelled_in_chinese_and_in_english_where_that_is_set(made: Any, say: Any) -> None:
    for words in (("status",), ("clock",), ("ca",), ("journal", "check"), ("person", "reset", "liming")):
        chinese, english = (say(*words, BRANCHFLEET_LANG=lang).stdout.splitlines() for lang in ("zh", "en"))
        labels = [line.partition("  ")[0] for line in chinese]
        assert [one for one in labels if not re.search("[\u4e00-\u9fff]", one) and one != "CA"] == [], words
        assert not re.search("[\u4e00-\u9fff]", "".join(line for line in english if "bank" not in line)), words
        assert len(chinese) == len(english) > 1


def test_an_init_and_a_list_of_agents_are_said_in_chinese(home: Path, say: Any, tmp_path: Path) -> None:
    said = say("init", BRANCHFLEET_LANG="zh")
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["目录", "登录名", "一次性密码"]
    (tmp_path / "bank.toml").write_text(BANK, encoding="utf-8")
    say("apply", str(tmp_path / "bank.toml"), "--yes")
    assert say("agent", "list", BRANCHFLEET_LANG="zh").stdout == "1001-pc\t1001\t未登记\t\t\t\n"
    assert "一次性密码" not in say("agent", "code", "1001", BRANCHFLEET_LANG="zh").stdout
    assert say("agent", "list", BRANCHFLEET_LANG="zh").stdout.startswith("1001-pc\t1001\t已发码\t")
    assert say("person", "list", BRANCHFLEET_LANG="zh").stdout.endswith("\t须改密码\n")


def test_every_label_and_word_is_there_in_chinese() -> None:
    words = [*LABELS.values(), *IdentityStanding, *get_args(SpeakerOut.model_fields["what"].annotation)]
    assert [word for word in words if gettext_for("zh")(word) == word and word not in ("CA", "SHA-256")] == []


def test_what_cannot_be_listened_on_is_said_in_chinese(made: Any, say: Any) -> None:
    def told(*words: str) -> str:
        said: str = say("run", *words, BRANCHFLEET_LANG="zh").stderr.strip()
        return said

    assert told("--port", "70000") == "--port：port：最大为 65535。"
    assert told("--port", "0") == "--port：port：最小为 1。"
    assert told("--host", "192.0.2.1", "--port", "8088") == "服务器无法监听 192.0.2.1:8088：本机没有这个地址。"


def test_a_restore_without_keys_says_so_in_chinese(home: Path) -> None:
    assert keys_first(home, gettext_for("zh")).startswith("备份中没有 server.key, tls/：")


def test_times_a_person_reads_are_in_the_banks_zone(made: Any, say: Any, tmp_path: Path) -> None:
    (tmp_path / "bank.toml").write_text(
        BANK.replace("[[branch]]", 'zone = "Asia/Urumqi"\n[[branch]]'), encoding="utf-8"
    )
    assert say("apply", str(tmp_path / "bank.toml"), "--yes").returncode == Exit.DONE
    minute = r"20\d\d-\d\d-\d\d \d\d:\d\d\+06:00"
    for words, times in ((("agent", "code", "1001"), 1), (("agent", "list"), 1), (("status",), 1), (("clock",), 2)):
        assert len(re.findall(minute, say(*words).stdout)) == times, words
    assert isinstance(json.loads(say("status", "--json").stdout)["at"], int)


def test_people_are_added_listed_reset_and_disabled(made: Any, say: Any) -> None:
    said = say("person", "add", "auditor", "--name", "审计", "--role", "auditor", "--json")
    first = json.loads(said.stdout)["password"]
    assert json.loads(say("person", "reset", "auditor", "--json").stdout)["password"] != first
    assert say("person", "disable", "auditor").returncode == Exit.DONE
    assert "auditor\tauditor\t审计\t\tdisabled,must_change" in say("person", "list").stdout
    failed(say("person", "reset", "nobody"), Exit.NO_SUCH_THING, "nobody")
    failed(say("person", "disable", "liming"), Exit.REFUSED, "last one")
    failed(say("person", "add", "auditor", "--name", "x", "--role", "auditor"), Exit.REFUSED, "already")
    unknown = say("person", "add", "wang", "--name", "王", "--role", "branch", "--branch", "9999")
    failed(unknown, Exit.NO_SUCH_THING, "no branch 9999")
    failed(say("person", "add", "wang", "--name", "王", "--role", "branch"), Exit.BAD_INPUT, "one branch at least")


def test_a_secret_comes_from_stdin_and_is_never_shown(home: Path, made: Any, say: Any) -> None:
    said = say("secret", "set", "atm-ro", stdin="绝密 community\n")
    assert (said.returncode, said.stdout) == (Exit.DONE, "")
    for path in filter(Path.is_file, home.rglob("*")):
        assert "绝密".encode() not in path.read_bytes()
    failed(say("secret", "set", "atm-ro", stdin=""), Exit.BAD_INPUT, "1 to 4096")
    failed(say("secret", "set", "a b", stdin="x"), Exit.BAD_INPUT, "not a secret's name")


def test_who_may_speak_as_an_agent_is_decided_at_the_command_line(made: Any, say: Any, tmp_path: Path) -> None:
    failed(say("agent", "code", "1001"), Exit.NO_SUCH_THING, "no branch 1001")
    inventory = tmp_path / "inventory.toml"
    inventory.write_text(BANK, encoding="utf-8")
    assert say("apply", str(inventory), "--yes").returncode == Exit.DONE
    told = json.loads(say("agent", "code", "1001", "--json").stdout)
    assert told["agent"] == "1001-pc"
    assert len(told["code"]) == 25
    assert [row["identity"] for row in json.loads(say("agent", "list", "--json").stdout)] == ["code"]
    assert say("agent", "list").stdout.startswith("1001-pc\t1001\tcode\t20")
    assert say("agent", "withdraw", "1001-pc").returncode == Exit.DONE
    for step in ("withdraw", "confirm", "revoke", "release", "rotate"):
        failed(say("agent", step, "1001-pc"), Exit.REFUSED, "1001-pc")
        failed(say("agent", step, "nobody"), Exit.NO_SUCH_THING, "no agent nobody")


def test_no_reason_gives_orders_to_whoever_reads_the_journal(home: Path, made: Any, say: Any, tmp_path: Path) -> None:
    (tmp_path / "bank.toml").write_text(BANK, encoding="utf-8")
    say("apply", str(tmp_path / "bank.toml"), "--yes")
    say("agent", "code", "1001")
    failed(say("agent", "revoke", "1001-pc", "--reason", "长" * 501), Exit.BAD_INPUT, "500")
    assert say("agent", "revoke", "1001-pc", "--reason", "\x1b[2J被\u202e盗\n").returncode == Exit.DONE
    with closing(sqlite3.connect(home / "branchfleet.db")) as database:
        [(reason,)] = database.execute("SELECT reason FROM journal WHERE deed = 'agent.revoke'")
    assert reason == "[2J被 盗"


def test_the_journal_is_checked_and_a_change_is_found(home: Path, made: Any, say: Any) -> None:
    assert json.loads(say("journal", "check", "--json").stdout)["ok"] is True
    database = sqlite3.connect(home / "branchfleet.db")
    database.execute("DROP TRIGGER journal_refuses_UPDATE")
    database.execute("UPDATE journal SET actor = 'somebody else' WHERE seq = 2")
    database.commit()
    database.close()
    said = say("journal", "check", "--json")
    assert said.returncode == Exit.DATABASE
    assert json.loads(said.stdout)["broken_at"] == 2


def test_a_key_that_others_can_read_is_not_used(home: Path, made: Any, say: Any) -> None:
    (home / "server.key").chmod(0o644)
    failed(say("secret", "set", "a", stdin="x"), Exit.DATABASE, "chmod 600")
    failed(say("run"), Exit.DATABASE, "chmod 600")


def test_a_wrong_setting_is_named_with_the_nearest_right_one(home: Path, made: Any, say: Any) -> None:
    (home / "server.toml").write_text("prot = 1\n")
    failed(say("status"), Exit.BAD_INPUT, "server.toml", "Did you mean port?")


def test_a_newer_database_is_left_as_it_is(home: Path, made: Any, say: Any) -> None:
    database = sqlite3.connect(home / "branchfleet.db")
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()
    database.close()
    for words in (("run", "--port", str(free_port())), ("status",), ("person", "list")):
        failed(say(*words), Exit.DATABASE, "9999", "later version")


def test_a_file_that_is_no_database_is_told_so(home: Path, made: Any, say: Any) -> None:
    (home / "branchfleet.db").write_bytes(b"no database" * 1000)
    failed(say("status"), Exit.DATABASE, "not a database")


@pytest.mark.parametrize("empty", [False, True])
def test_a_database_that_was_lost_is_told_and_none_is_begun(home: Path, made: Any, say: Any, empty: bool) -> None:
    for file in home.glob("branchfleet.db*"):
        file.unlink()
    if empty:
        (home / "branchfleet.db").touch()
    for words in (("run",), ("status",), ("person", "list")):
        said = say(*words)
        assert said.returncode == Exit.DATABASE
        assert "Restore it from a backup" in said.stderr
    assert not (home / "branchfleet.db").exists() or not (home / "branchfleet.db").stat().st_size


def test_a_lost_key_is_told_and_no_other_is_made(home: Path, made: Any, say: Any) -> None:
    (home / "server.key").unlink()
    for words in (("run",), ("init",)):
        said = say(*words)
        assert said.returncode == Exit.DATABASE
        assert "put the key back" in said.stderr
    assert not (home / "server.key").exists()
    assert (home / "branchfleet.db").exists()


def test_a_database_out_of_reach_is_told_so(made: Any, say: Any) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    failed(say("status", BRANCHFLEET_DATABASE=url), Exit.CANNOT_REACH, "The database cannot be used")


FULL = "The disk is full; nothing was changed."


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("status",),
        ("person", "add", "wang", "--name", "王某", "--role", "head"),
        ("agent", "code", "1001"),
        ("agent", "list"),
        ("secret", "set", "atm-ro"),
        ("journal", "check"),
        ("metrics", "token"),
        ("backup", "backup.bfb"),
    ],
)
def test_on_a_full_disk_every_command_names_it_and_changes_nothing(
    home: Path, made: Any, say: Any, full_disk: Callable[[Path], Path], words: tuple[str, ...]
) -> None:
    full = full_disk(home)
    before = (full / "branchfleet.db").read_bytes()
    said = say(*words, stdin="public-ro\n", BRANCHFLEET_HOME=str(full), BRANCHFLEET_PORT=str(free_port()))
    failed(said, Exit.CANNOT_WRITE, FULL)
    assert said.stdout == ""
    assert (full / "branchfleet.db").read_bytes() == before


def test_an_init_on_a_full_disk_leaves_nothing_behind(home: Path, say: Any, full_disk: Callable[[Path], Path]) -> None:
    new = full_disk(home)
    failed(say("init", BRANCHFLEET_HOME=str(new)), Exit.CANNOT_WRITE, FULL)
    assert not new.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("person", "add", "wang", "--name", "王某", "--role", "head"),
        ("person", "reset", "liming"),
        ("agent", "code", "1001"),
        ("metrics", "token"),
    ],
    ids=" ".join,
)
def test_what_is_shown_once_is_durable_before_it_is_shown(
    home: Path, made: Any, say: Any, full_disk: Callable[[Path], Path], tmp_path: Path, words: tuple[str, ...]
) -> None:
    """The disk has room for the questions, and none for the answer: what was printed before would be worth nothing."""
    (tmp_path / "bank.toml").write_text(BANK, encoding="utf-8")
    assert say("apply", str(tmp_path / "bank.toml"), "--yes").returncode == Exit.DONE
    with closing(sqlite3.connect(home / "branchfleet.db")) as reader:
        reader.execute("SELECT count(*) FROM person").fetchall()  # the files beside the database are there and stay
        said = say(*words, BRANCHFLEET_HOME=str(full_disk(home)))
    failed(said, Exit.CANNOT_WRITE, FULL)
    assert said.stdout == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to a full disk by /dev/full: needs Linux")
@pytest.mark.parametrize(
    ("words", "again"),
    [
        (["person", "add", "wang", "--name", "王某", "--role", "head"], "person reset wang"),
        (["person", "reset", "liming"], "person reset liming"),
        (["metrics", "token"], "metrics token"),
    ],
)
def test_what_could_not_be_shown_is_nobodys_and_is_made_again(
    environ: dict[str, str], made: Any, say: Any, words: list[str], again: str
) -> None:
    server = Path(sys.executable).with_name("branchfleet-server")
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [server, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=os.environ | environ, check=False
        )
    assert ran.returncode == Exit.CANNOT_WRITE, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.endswith(f"Make another: branchfleet-server {again}\n")
    assert say(*again.split()).returncode == Exit.DONE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to a full disk by /dev/full: needs Linux")
def test_output_to_a_full_disk_is_a_sentence_and_no_defect(environ: dict[str, str], made: Any) -> None:
    server = Path(sys.executable).with_name("branchfleet-server")
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [server, "status"], stdout=full, stderr=subprocess.PIPE, text=True, env=os.environ | environ, check=False
        )
    assert ran.returncode == Exit.CANNOT_WRITE
    assert ran.stderr == "The output cannot be written: the disk it goes to is full.\n"


def test_chinese_is_spoken_by_default(say: Any) -> None:
    failed(say("status", BRANCHFLEET_LANG="zh"), Exit.NOT_SET_UP, "请先运行")


def test_a_port_in_use_is_told_before_anything_is_done(made: Any, say: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        failed(say("run", "--port", str(other.getsockname()[1])), Exit.BUSY, "in use", "--port")


def test_of_two_servers_in_one_home_the_second_says_so(
    running: tuple[subprocess.Popen[str], httpx2.Client], say: Any
) -> None:
    failed(say("run", "--port", str(free_port())), Exit.BUSY, "branchfleet.db", "already")


def test_a_server_that_was_killed_is_in_nobodys_way(
    running: tuple[subprocess.Popen[str], httpx2.Client], home: Path
) -> None:
    process, _ = running
    process.kill()
    process.wait()
    with Home(home).alone():
        pass


def test_an_empty_database_is_no_older_one_and_no_server_begins_there(
    home: Path, made: Any, say: Any, cluster: Any
) -> None:
    name, url = cluster.create()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as link:
        link.execute("DROP SCHEMA public CASCADE")
        link.execute("CREATE SCHEMA public")
    for words in (("run", "--port", str(free_port())), ("status",)):
        failed(say(*words, BRANCHFLEET_DATABASE=url), Exit.DATABASE, "is empty", "migrate-to")
    cluster.drop(name)


def test_an_address_of_another_machine_is_told_so(made: Any, say: Any) -> None:
    failed(say("run", "--host", "192.0.2.1"), Exit.BAD_INPUT, "192.0.2.1")
    failed(say("run", "--host", "no.such.name.invalid"), Exit.BAD_INPUT, "no.such.name.invalid")


@pytest.fixture
def running(
    environ: dict[str, str], made: dict[str, str], home: Path
) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """A server that answers, over TLS as is its default, and who asks it."""
    port = free_port()
    command = [sys.executable, "-m", "server.cli", "run", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **environ}, stderr=subprocess.PIPE, text=True)
    verify = ssl.create_default_context(cafile=home / "tls" / "ca.pem")
    with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=verify) as client:
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                client.get("/api/me")
                break
            except httpx2.TransportError:
                assert time.monotonic() < deadline
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
        yield process, client
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_told_to_stop_ends_its_streams_and_itself(
    running: tuple[subprocess.Popen[str], httpx2.Client], made: dict[str, str], number: int
) -> None:
    process, client = running
    ask = {"login": made["login"], "password": made["password"]}
    token = client.post("/api/sign-in", json=ask).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    change = {"old": made["password"], "new": "a password of my own"}
    assert client.post("/api/password", json=change, headers=headers).status_code == 204
    with client.stream("GET", "/api/events", headers=headers, timeout=DEADLINE) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": connected"
        process.send_signal(number)
        assert [line for line in lines if line] == ["id: 0"]  # and then its end
    _, narration = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "everything it acknowledged is written" in narration
    assert "Traceback" not in narration
