"""Settings: flag over environment over file over default; a mistake is a sentence with the place and the nearest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.exit import Exit, Trouble
from agent.settings import Settings, find_home, load_settings

Enrolled = Callable[[Path, str], Settings]

GOOD = 'server = "http://127.0.0.1:8088"\n'


def write(home: Path, text: str) -> None:
    (home / "agent.toml").write_text(text, encoding="utf-8")


def refused(home: Path, environment: dict[str, str] | None = None) -> Trouble:
    with pytest.raises(Trouble) as raised:
        load_settings(home, environment or {})
    return raised.value


def test_the_nearer_word_counts(tmp_path: Path, enrolled: Enrolled) -> None:
    enrolled(tmp_path, "https://enrolled:1")
    assert load_settings(tmp_path, {}).server == "https://enrolled:1"
    write(tmp_path, GOOD + "spool_limit_mb = 50\n")
    file = load_settings(tmp_path, {})
    assert (file.server, file.spool_bytes) == ("http://127.0.0.1:8088", 50 << 20)
    environment = {"BRANCHFLEET_AGENT_SERVER": "https://env:1", "BRANCHFLEET_AGENT_SPOOL_LIMIT_MB": "7", "PATH": "/"}
    assert load_settings(tmp_path, environment).server == "https://env:1"
    assert load_settings(tmp_path, environment).spool_limit_mb == 7
    assert load_settings(tmp_path, environment, server="https://flag:1").server == "https://flag:1"


def test_an_unknown_key_is_named_with_its_place_and_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, GOOD + "sever = 1\nspool_limit = 2\n")
    trouble = refused(tmp_path, {"BRANCHFLEET_AGENT_SERVE": "x"})
    assert trouble.code is Exit.BAD_INPUT
    assert trouble.sentence.splitlines() == [
        f'"sever" in {tmp_path}/agent.toml is not a setting; did you mean "server"?',
        f'"spool_limit" in {tmp_path}/agent.toml is not a setting; did you mean "spool_limit_mb"?',
        '"serve" in the environment variable BRANCHFLEET_AGENT_SERVE is not a setting; did you mean "server"?',
    ]


@pytest.mark.parametrize(
    "server",
    [
        *("", "127.0.0.1:8088", "ftp://x", "http://", "http://x:99999", "http://x:y", "http://a:b@x", "http://x?q"),
        *("https://10.66.0..10:8088", f"https://{'a' * 64}.cn", "https://[::1", "https://10.66.0.10 :8088"),
        *("https://10.66.0.10:8088/中心", "https://10.66.0.10:8088/a b", "https://10.66.0.10:8088\\n"),
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, server: str) -> None:
    """Else the first connection would end the agent by a defect, and each after its restart."""
    write(tmp_path, f'server = "{server}"\n')
    trouble = refused(tmp_path)
    assert trouble.code is Exit.BAD_INPUT
    assert "is not an address like" in trouble.sentence


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"server = \n", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"spool_limit_mb = 0\n", "a whole number from 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "agent.toml").write_bytes(content)
    assert said in refused(tmp_path).sentence


def test_a_wrong_value_gives_the_terminal_no_orders(tmp_path: Path) -> None:
    trouble = refused(tmp_path, {"BRANCHFLEET_AGENT_SERVER": "\x1b[2Jx", "BRANCHFLEET_AGENT_SPOOL_DAYS": "\x9b2J"})
    assert trouble.sentence.replace("\n", "").isprintable()
    assert trouble.zh.replace("\n", "").isprintable()


def test_notepads_mark_is_no_mistake(tmp_path: Path, enrolled: Enrolled) -> None:
    enrolled(tmp_path, "https://enrolled:1")
    (tmp_path / "agent.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_settings(tmp_path, {}).server == "http://127.0.0.1:8088"


def test_an_agent_that_was_not_set_up_is_told_how(tmp_path: Path) -> None:
    trouble = refused(tmp_path)
    assert trouble.code is Exit.NOT_SET_UP
    assert "branchfleet-agent enroll" in trouble.sentence


def test_an_identity_that_is_not_as_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_bytes(b'{"server": 1')
    trouble = refused(tmp_path)
    assert trouble.code is Exit.BAD_INPUT
    assert "Enrol this PC again" in trouble.sentence


def test_the_home_is_the_flag_or_the_variable_or_the_systems_place(tmp_path: Path) -> None:
    assert find_home(tmp_path, {"BRANCHFLEET_AGENT_HOME": "/elsewhere"}) == tmp_path
    assert find_home(None, {"BRANCHFLEET_AGENT_HOME": "/elsewhere"}) == Path("/elsewhere")
    assert find_home(None, {"XDG_DATA_HOME": "/data"}).parts[-2:] == ("branchfleet", "agent")
