"""Whatever a PC says, only its own fact changes, and every topic fits a record."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from agent.facts.files import decoded, read
from agent.facts.programs import ask
from agent.facts.sheet import Facts, NotRead, Sheet
from agent.facts.software import software
from agent.facts.topics import NAMES, looked
from agent.wire import Clock, Fact
from tests.agent.facts.conftest import Tree

DPKG = {"var/lib/dpkg/status": ""}
CLOCK = Clock(wall=1, boot=1, boot_id="b")


def size(sheet: Sheet) -> int:
    fact = Fact(seq=1 << 40, clock=CLOCK, host="x" * 300, topic=sheet.topic, facts=sheet.facts, unread=sheet.unread)
    return len(msgspec.msgpack.encode(fact))


def test_a_program_that_never_stops_talking_is_ended_and_unreadable(tree: Tree) -> None:
    root = tree(DPKG | {"usr/bin/dpkg-query": "#!/bin/sh\nexec cat /dev/zero\n"})
    with pytest.raises(NotRead) as said:
        ask(root, "dpkg-query")
    assert said.value.why == "unreadable"
    assert set(said.value.raw) == {0}  # it had talked
    assert software(root).unread == {"software": "unreadable"}


def test_a_program_that_says_nothing_is_ended_with_what_it_started(tree: Tree) -> None:
    root = tree({"usr/bin/x": '#!/bin/sh\nsleep 600 &\necho $! > "$1"\nwait\n'})
    with pytest.raises(NotRead) as said:
        ask(root, "x", str(root / "child"), seconds=1.0)
    assert said.value.why == "timeout"
    child = int((root / "child").read_text())
    with suppress(FileNotFoundError):  # it is gone, or ended and nobody's child
        while Path(f"/proc/{child}/stat").read_text(encoding="ascii").split()[2] != "Z":
            os.sched_yield()


@pytest.mark.parametrize(
    "said", [b"ii \tbash\xff\x1b[2J\t1\n", "ii \t中文\t1\n".encode("gb18030"), b"ii \t$(reboot)\t1\n"]
)
def test_names_are_text_whatever_bytes_they_are(tree: Tree, said: bytes) -> None:
    root = tree(DPKG | {"said": said, "usr/bin/dpkg-query": '#!/bin/sh\nexec cat "$(dirname "$0")/../../said"\n'})
    sheet = looked("software", lambda: software(root))
    told = sheet.facts["software"]
    assert isinstance(told, list)
    (one,) = told
    assert one.replace("\t", "").isprintable()


def test_text_is_utf_8_else_as_chinese_systems_wrote() -> None:
    assert decoded("卡纸".encode()) == decoded("卡纸".encode("gb18030")) == "卡纸"
    assert "\ufffd" in decoded(b"\xff\xff\xff")


def test_every_topic_fits_a_record_and_what_does_not_is_not_read() -> None:
    lists: Facts = {f"name.{n}": ["字" * 400] * 90 for n in range(40)}
    wild = Sheet("network", lists | {"small": True})
    told = wild.bounded()
    assert size(told) < 64 << 10
    assert told.facts["small"] is True
    assert set(told.facts) | set(told.unread) == set(wild.facts)
    assert set(told.unread.values()) == {"unreadable"}


def test_a_topic_that_fails_by_a_defect_takes_no_other_and_says_so() -> None:
    def fails() -> Sheet:
        raise ZeroDivisionError

    for topic in NAMES:
        sheet = looked(topic, fails)
        assert sheet.facts == {}
        assert sheet.unread == dict.fromkeys(NAMES[topic], "unreadable")


def test_a_file_that_is_a_pipe_is_not_waited_for(tree: Tree) -> None:
    root = tree({})
    os.mkfifo(root / "pipe")
    with pytest.raises(NotRead) as said:
        read(root / "pipe")
    assert said.value.why == "unreadable"
