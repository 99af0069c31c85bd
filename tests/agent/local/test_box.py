"""The drop box: whatever is left in it, an entry is taken and nothing else harms."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent.local.box as box_source
from agent.local.box import AT_ONCE, KEPT_ASIDE, SIZE, Box, Dropped, NotTaken, entry_of, read
from agent.texts import gettext_for, speak
from agent.wire import Clock

Leave = Callable[..., str]
SUBJECTS = frozenset({"1001", "1001/a", "1001/line/main"})
UID = "0" * 32


@pytest.fixture
def box(place: Path) -> Iterator[Box]:
    speak("en")
    yield Box(place / "in", place / "aside")
    speak("zh")


def why(place: Path) -> str:
    (reason,) = (place / "aside").glob("*.why")
    return reason.read_text(encoding="utf-8")


def test_an_entry_waits_in_the_box_until_it_is_said_to_be_taken(box: Box, leave: Leave, place: Path) -> None:
    uid = leave()
    assert [one.uid for one in box.look(SUBJECTS)] == [uid]
    assert [one.uid for one in box.look(SUBJECTS)] == [uid]
    box.taken(uid)
    assert box.look(SUBJECTS) == []
    assert list((place / "in").iterdir()) == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"subject": "1002/atm-1"}, "no branch, line or position"),
        ({"who": " "}, "nobody's name"),
        ({"who": "王" * 41}, "too long"),
        ({"text": ""}, "says nothing"),
        ({"text": "a\0b"}, "NUL"),
        ({"what": "answer"}, "no answer"),
        ({"answer": "line"}, "only the answer"),
        ({"what": "ticket"}, "what is wrong"),
        ({"what": "order"}, "order"),
        ({"fault": "fire"}, "fire"),
        ({"version": 2}, "2"),
        ({"token": "x"}, "token"),
        ({"wall": "now"}, "int"),
        ({"wall": 10**30}, "wall"),
        ({"boot": -(10**30), "boot_id": "b"}, "boot"),
    ],
)
def test_what_is_no_entry_of_this_branch_is_set_aside_with_its_reason(
    box: Box, leave: Leave, place: Path, said: dict[str, Any], reason: str
) -> None:
    uid = leave(**said)
    assert box.look(SUBJECTS) == []
    assert reason in why(place)
    assert (place / "aside" / f"{uid}.json").exists()
    assert list((place / "in").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 5000, b"null", b'{"version":1}', b" " * (SIZE + 1)])
def test_a_torn_or_foreign_file_is_set_aside(box: Box, place: Path, content: bytes) -> None:
    (place / "in" / f"{UID}.json").write_bytes(content)
    assert box.look(SUBJECTS) == []
    assert list((place / "in").iterdir()) == []
    assert why(place)


def test_the_people_of_the_branch_read_the_reason_in_their_own_language(box: Box, leave: Leave, place: Path) -> None:
    speak("zh")
    uid, torn = leave(who=" "), UID
    (place / "in" / f"{torn}.json").write_text("{")
    (place / "in" / "notes.txt").write_text("x")
    assert box.look(SUBJECTS) == []
    said = {path.name: path.read_text(encoding="utf-8") for path in (place / "aside").glob("*.why")}
    assert said[f"{uid}.json.why"] == f"'{uid}.json': 没有写明是谁填的。\n"
    assert said[f"{torn}.json.why"].startswith(f"'{torn}.json': 不是控制台写的条目：")
    assert any("十六进制" in one for one in said.values())


def test_every_reason_is_there_in_chinese() -> None:
    reasons = re.findall(
        r'"((?:it|its|an|a|only) [^"]*\.)"', Path(str(box_source.__file__)).read_text(encoding="utf-8")
    )
    assert len(reasons) > 12
    assert [one for one in reasons if gettext_for("zh")(one) == one] == []


@given(content=st.binary(max_size=300))
def test_no_bytes_get_past_the_reader(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / f"{UID}.json"
    path.write_bytes(content)
    with pytest.raises(NotTaken):
        read(path, SUBJECTS)


@pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and their modes are POSIX")
def test_a_link_is_not_followed_and_a_pipe_is_not_waited_for(
    box: Box, leave: Leave, place: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "agent.toml"
    secret.write_text("token")
    (place / "in" / f"{UID}.json").symlink_to(secret)
    os.mkfifo(place / "in" / f"{'1' * 32}.json")
    (place / "in" / f"{'2' * 32}.json").mkdir()
    (place / "in" / "\x1b[2Jnotes.txt").write_text("x")
    uid = leave()
    assert [one.uid for one in box.look(SUBJECTS)] == [uid]
    assert secret.read_text() == "token"
    reasons = "".join(path.read_text(encoding="utf-8") for path in (place / "aside").glob("*.why"))
    assert "a link" in reasons
    assert "no plain file" in reasons
    assert "\x1b" not in reasons
    assert [path.name for path in (place / "in").iterdir()] == [f"{uid}.json"]


def test_a_file_that_is_still_being_written_is_left_alone(box: Box, place: Path) -> None:
    unfinished = place / "in" / f".{UID}.new"
    unfinished.write_text("{")
    assert box.look(SUBJECTS) == []
    assert unfinished.exists()
    os.utime(unfinished, (0, 0))
    box.look(SUBJECTS)
    assert not unfinished.exists()


def test_a_flood_is_taken_in_turns_and_what_was_set_aside_stays_few(box: Box, leave: Leave, place: Path) -> None:
    for number in range(KEPT_ASIDE + 30):
        (place / "in" / f"{number:032x}.json").write_text("no")
    for _ in range(AT_ONCE + 5):
        leave()
    seen = 0
    while (taken := box.look(SUBJECTS)) or any((place / "in").iterdir()):
        assert len(taken) <= AT_ONCE
        for one in taken:
            box.taken(one.uid)
        seen += len(taken)
    assert seen == AT_ONCE + 5
    assert len(list((place / "aside").glob("*.why"))) == KEPT_ASIDE
    assert len(list((place / "aside").iterdir())) == 2 * KEPT_ASIDE


def dropped(**clocks: Any) -> Dropped:
    said = {"version": 1, "uid": UID, "subject": "1001", "what": "note", "who": "w", "text": "t", "wall": 50}
    return msgspec.convert(said | clocks, Dropped)


def test_folders_and_what_has_no_reason_are_bounded_too_the_oldest_first(box: Box, place: Path) -> None:
    (place / "aside" / "1.unknown").write_text("its reason found no room on a full disk")
    for number in range(KEPT_ASIDE + 3):
        folder = place / "in" / f"folder-{number:03}"
        folder.mkdir()
        (folder / "within").write_text("x")
        assert box.look(SUBJECTS) == []
    left = sorted(path.name for path in (place / "aside").iterdir() if path.suffix != ".why")
    assert len(left) == KEPT_ASIDE
    assert "1.unknown" not in left
    assert [path.read_text(encoding="utf-8")[:12] for path in sorted((place / "aside").glob("*.why"))] == [
        f"'folder-{number:03}'"[:12] for number in range(3, KEPT_ASIDE + 3)
    ]
    assert (box.standing.kept, box.standing.removed, box.standing.stuck) == (KEPT_ASIDE, 4, 0)


def test_a_link_to_a_folder_is_removed_and_what_it_leads_to_is_not(box: Box, place: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "within").write_text("x")
    try:
        (place / "in" / "link").symlink_to(precious, target_is_directory=True)
    except OSError:
        pytest.skip("links need a right on Windows: turn on its developer mode")
    box.look(SUBJECTS)
    for number in range(KEPT_ASIDE):
        (place / "in" / f"torn-{number}").write_text("{")
        box.look(SUBJECTS)
    assert not any(path.is_symlink() for path in (place / "aside").iterdir())
    assert (precious / "within").exists()


def test_when_it_was_typed_is_believed_as_far_as_the_clocks_allow() -> None:
    now = Clock(wall=100, boot=1000, boot_id="b")
    assert entry_of(dropped(boot=900, boot_id="b"), now).entered == Clock(wall=50, boot=900, boot_id="b")
    assert entry_of(dropped(boot=1001, boot_id="b"), now).entered is None  # after it was taken
    other = entry_of(dropped(boot=5, boot_id="a"), now).entered
    assert other is not None
    assert (other.wall, other.boot_id) == (50, "wall")
    assert entry_of(dropped(wall=101), now).entered is None
