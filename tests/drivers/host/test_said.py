"""What hosts may say, and what is believed of it."""

import hashlib
import shutil
import subprocess
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import RAW_LIMIT
from drivers.errors import Garbled, Reason
from drivers.host import script
from drivers.host.said import reading_of
from drivers.host.ssh import Ssh, SshOptions
from drivers.options import WrongOptions
from drivers.sim.contract import check_reading

MARKERS = script.Markers(b"BEGIN-1", b"END-1")
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}


def test_the_scripts_that_are_shipped_are_those_that_are_written_down() -> None:
    for name, sha256 in script.SHA256.items():
        shipped = files("drivers.host").joinpath(name).read_bytes()
        assert hashlib.sha256(shipped).hexdigest() == sha256, f"{name} was changed: write its new SHA256 down"


def test_markers_are_new_for_every_run() -> None:
    assert len({script.new_markers() for _ in range(100)}) == 100


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_runs_the_script_to_its_end(shell: str) -> None:
    program = shutil.which(SHELLS[shell][0])
    if program is None:
        pytest.skip(f"the script is tried with {shell}: apt-get install {shell}")
    sent = script.to_send(script.Script(script.READ), MARKERS)
    done = subprocess.run([program, *SHELLS[shell][1:]], input=sent, capture_output=True, check=True)
    said = script.between(done.stdout, MARKERS)
    assert said is not None
    reading = reading_of(said)
    check_reading(reading)
    assert {"name", "kernel"} <= reading.identity.keys()
    assert done.stderr == b""


@pytest.mark.parametrize(
    "heard", [b"", b"BEGIN-1\n", b"BEGIN-1\nname=a\n", b"BEGIN-2\nname=a\nEND-2\n", b"name=a\nEND-1\nBEGIN-1\n"]
)
def test_what_is_not_between_both_markers_is_nothing(heard: bytes) -> None:
    assert script.between(heard, MARKERS) is None


def test_what_stands_around_the_markers_is_left_out() -> None:
    assert script.between(b"Welcome!BEGIN-1\nname=a\nEND-1\nBye\n", MARKERS) == b"name=a"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("name=前置机".encode(), "前置机"),
        ("name=前置机".encode("gb18030"), "前置机"),
        (b"name=\xff\xfe\xfd", "\ufffd\ufffd\ufffd"),
        (b"name=$(reboot)", "$(reboot)"),
        (b"name=a\x1b[2J\x07b", "a [2J b"),
        ("name=a\u202ecod.exe\u2066".encode(), "a cod.exe"),
        (b'name={"a":' + b"[" * 5000, '{"a":' + "[" * 195),
    ],
)
def test_a_name_is_text_and_nothing_more(said: bytes, name: str) -> None:
    assert reading_of(said).identity == {"name": name}


@pytest.mark.parametrize("said", [b"no equals", b"name=a\nname=b", b"", b"a=1\n" * 3, b"\n".join([b"x=1"] * 300)])
def test_lines_that_are_not_the_scripts_are_not_believed(said: bytes) -> None:
    with pytest.raises(Garbled) as caught:
        reading_of(said)
    assert caught.value.reason == Reason.UNREADABLE_OUTPUT


@pytest.mark.parametrize("number", ["101", "-1", "1e1", "inf", "nan", "４２", "", "1.2.3", "9" * 5000])
def test_a_number_that_makes_no_sense_is_named_and_left_out(number: str) -> None:
    reading = reading_of(f"disk.used={number}\ncpu.load=7".encode())
    assert reading.numbers == {"cpu.load": 7.0}
    assert reading.texts["unread.unreadable"] == "disk.used"


def test_what_was_not_read_is_named_with_why_and_not_guessed() -> None:
    reading = reading_of(b"unread.serial=rights\nunread.antivirus=rights\nunread.reboot=absent\nunread.os=whim")
    assert (reading.parts, reading.numbers, reading.identity) == ({}, {}, {})
    assert reading.texts["unread.rights"] == "antivirus, serial"
    assert reading.texts["unread.absent"] == "reboot"
    assert reading.texts["unread.unreadable"] == "os"


def test_a_word_nobody_documented_is_unknown() -> None:
    assert reading_of(b"reboot=perhaps").parts == {"reboot": "unknown"}


@pytest.mark.parametrize("serial", ["To Be Filled By O.E.M.", "None", "Default string", ""])
def test_what_a_maker_left_in_the_board_is_no_serial_number(serial: str) -> None:
    assert reading_of(f"name=a\nserial={serial}".encode()).identity == {"name": "a"}


@given(
    st.binary(max_size=6000)
    | st.lists(st.sampled_from([b"name=", b"=", b"\n", b"disk.used=", b"9", b"\xff"])).map(b"".join)
)
def test_any_bytes_are_a_reading_or_garbled(said: bytes) -> None:
    with suppress(Garbled):
        reading = reading_of(said)
        check_reading(reading)
        assert sum(map(len, reading.raw.values())) <= RAW_LIMIT


@pytest.mark.parametrize("host_key", ["SHA256:short", "MD5:00:11", "sha256:" + "A" * 43, "SHA256:" + "A" * 42 + "="])
def test_a_fingerprint_of_another_form_is_a_wrong_option(host_key: str) -> None:
    with pytest.raises(WrongOptions, match="host_key"):
        SshOptions.model_validate({"user": "a", "private_key": "b", "host_key": host_key})


def test_options_never_show_the_private_key() -> None:
    assert "hidden" not in repr(SshOptions.model_validate({"user": "a", "private_key": "hidden"}))


def test_an_address_may_name_its_port() -> None:
    assert Ssh.check_address("10.1.2.3:2222") is None
    assert Ssh.check_address("[2001:db8::1]:22") is None
    assert Ssh.check_address("root@10.1.2.3") == "is not HOST or HOST:PORT"


def test_the_files_that_are_shipped_have_the_script_among_them() -> None:
    assert (Path(script.__file__).with_name("read.sh")).is_file()
