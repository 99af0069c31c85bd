"""Both ends of the folder: what the agent writes the console reads, and the other way round; and nothing else."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.clock import system_clocks
from agent.local.box import Box, Dropped, entry_of
from agent.local.now import Now as Written
from agent.local.now import NowEntry
from server.schemas.entries import Answer, EntryKind
from server.schemas.standing import Standing
from server.schemas.tickets import Fault
from tui.local import folder, words
from tui.local.folder import FRESH, CannotLeave, Local, Unreadable, age_of, find, fresh_entry, leave, read
from tui.local.schema import Clock, Entry, Now

if TYPE_CHECKING:
    from tests.tui.local.conftest import Agent
else:
    Agent = Any

SUBJECTS = frozenset({"1001", "1001/lamp", "1001/line/main"})


def test_the_console_reads_all_that_the_agent_writes(agent: Agent) -> None:
    agent.entries = [
        NowEntry(uid="0" * 32, what="note", subject="1001", who="w", said="t", answer="", at=1, state="waiting")
    ]
    agent.write()
    local = read(agent.path)
    written = msgspec.json.decode((agent.path / "now.json").read_bytes(), type=Written)
    assert json.loads(local.now.model_dump_json()) == json.loads(msgspec.json.encode(written))
    assert local.fresh


def test_the_agent_takes_all_that_the_console_leaves(agent: Agent, tmp_path: Path) -> None:
    said: list[dict[str, Any]] = [
        *({"what": EntryKind.TICKET, "title": "x", "fault": fault, "urgent": True} for fault in Fault),
        *({"what": EntryKind.ANSWER, "answer": answer} for answer in Answer),
        {"what": EntryKind.NOTE, "text": "看过了\n没事"},
    ]
    entries = [fresh_entry(subject="1001", who="王某", **one) for one in said]
    for entry in entries:
        leave(agent.path, entry)
    taken = Box(agent.path / "in", agent.path / "aside").look(SUBJECTS)
    assert {one.uid for one in taken} == {entry.uid for entry in entries}
    for one in taken:
        (entry,) = (entry for entry in entries if entry.uid == one.uid)
        assert msgspec.to_builtins(one) == json.loads(entry.model_dump_json())
        if sys.platform == "linux":
            assert entry_of(one, system_clocks(tmp_path)()).entered is not None


def test_both_ends_know_the_same_fields() -> None:
    assert set(Entry.model_fields) == set(Dropped.__struct_fields__)
    assert set(Now.model_fields) == set(Written.__struct_fields__)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"version": 2}', b" " * (folder.SIZE + 1)]
)
def test_what_no_agent_wrote_is_not_read(agent: Agent, content: bytes) -> None:
    (agent.path / "now.json").write_bytes(content)
    with pytest.raises(Unreadable, match=r"now\.json"):
        read(agent.path)


@given(
    content=st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_no_bytes_get_past_the_schema(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any")
    (path / "now.json").write_bytes(content)
    with pytest.raises(Unreadable):
        read(path)


@pytest.mark.parametrize(
    ("change", "value"),
    [("standing", "splendid"), ("standing", "closed "), ("card", "x"), ("interval", float("nan")), ("more", 1)],
)
def test_a_position_with_a_word_of_its_own_is_not_read(agent: Agent, change: str, value: Any) -> None:
    said = json.loads((agent.path / "now.json").read_text())
    said["positions"][0][change] = value
    (agent.path / "now.json").write_text(json.dumps(said))
    with pytest.raises(Unreadable):
        read(agent.path)


@pytest.mark.parametrize(
    ("state", "met", "stopped", "told"),
    [
        ("away", False, False, "总行没有任何应答：疑似线路中断，或总行故障。"),
        ("away", True, True, "线路是通的，总行服务器程序没有运行：请电话告知总行科技。"),
        ("away", True, False, "应答的不是本行服务器：请电话告知总行科技。"),
        ("refused", True, False, "服务器有应答，但不接受本机：请电话告知总行科技。"),
    ],
)
def test_of_what_may_be_wrong_only_what_is_true_is_said(
    agent: Agent, state: str, met: bool, stopped: bool, told: str
) -> None:
    agent.state, agent.met, agent.stopped = state, met, stopped
    agent.write()
    assert words.suspect_line(read(agent.path)) == told


# -- how old it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ago", [125, 3600, 86_400])
def test_of_an_agent_that_stopped_nothing_stands_as_good(agent: Agent, ago: int) -> None:
    agent.write(ago)
    local = read(agent.path)
    assert not local.fresh
    shown = {local.standing(one.standing) for one in local.now.positions}
    assert shown <= {Standing.STALE, Standing.UNKNOWN, Standing.UNPOLLED}
    assert words.server_line(local)[0] == "unknown"
    assert words.suspect_line(local) == ""


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("quarantine", "已被隔离"),
        ("waiting", "确认"),
        ("revoked", "吊销"),
        ("replaced", "另一台电脑"),
        ("removed", "配置清单"),
        ("unknown", "密钥"),
        ("of a later server", "x"),
    ],
)
def test_who_is_kept_out_reads_why_and_not_that_the_server_is_dead(agent: Agent, word: str, told: str) -> None:
    agent.state, agent.kept_out = "refused", word
    agent.write()
    level, sentence = words.server_line(read(agent.path))
    assert level == "fault"
    assert "服务器有应答" in sentence
    assert told in sentence
    assert "1,204" in sentence


@pytest.mark.parametrize(
    ("contact", "ago", "level"), [(5, 0, "good"), (5, 80, "good"), (95, 0, "unknown"), (50, 50, "unknown")]
)
def test_a_server_that_answered_counts_as_well_for_a_minute_and_a_half(
    agent: Agent, contact: int, ago: int, level: str
) -> None:
    """Its agent may stand still meanwhile, and what it wrote last grows old."""
    agent.state, agent.contact = "here", contact
    agent.write(ago)
    assert words.server_line(read(agent.path))[0] == level


def test_a_server_that_can_take_nothing_is_no_cut_line(agent: Agent) -> None:
    agent.met = agent.unable = True
    agent.write()
    local = read(agent.path)
    assert words.server_line(local) == ("fault", "服务器有应答，但现在不能接收；1,204 条记录存在本机，不会丢。")
    assert "总行服务器现在不能接收" in words.suspect_line(local)


def test_an_agent_that_said_goodbye_is_old_at_once(agent: Agent) -> None:
    agent.ended = True
    agent.write()
    assert not read(agent.path).fresh


BOOTED = Clock(wall=1_000_000_000, boot=5_000_000, boot_id="b")


@pytest.mark.parametrize(
    ("wall", "boot", "age"),
    [
        (1_001_000_000, None, 1_000_000),
        (999_000_000, None, 0),  # a second ahead: two readings of one clock
        (900_000_000, None, None),  # the wall clock was turned back: nothing can be told
        (10**15, (6_000_000, "b"), 1_000_000),  # turned forward: the boot clock knows better
        (0, (6_000_000, "b"), 1_000_000),
        (1_000_000_000, (6_000_000, "other"), None),  # the PC was started since, and no agent with it
        (1_000_000_000, (-(10**9), "b"), None),
    ],
)
def test_the_age_is_by_a_clock_nobody_turns_where_there_is_one(
    wall: int, boot: tuple[int, str] | None, age: int | None
) -> None:
    assert age_of(BOOTED, wall, boot) == age


@given(standing=st.sampled_from(Standing), age=st.none() | st.integers(0, 10 * FRESH), ended=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_good_is_never_shown_of_what_is_old(agent: Agent, standing: Standing, age: int | None, ended: bool) -> None:
    local = Local(read(agent.path).now.model_copy(update={"ended": ended}), 0, age)
    if age is None or age > FRESH or ended:
        assert local.standing(standing) not in (Standing.GOOD, Standing.ATTENTION, Standing.FAULT, Standing.IN_USE)
    else:
        assert local.standing(standing) is standing


# -- the box ----------------------------------------------------------------------------------------


def test_a_box_that_nobody_empties_takes_no_more_and_says_so(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "BOXED", 3)
    for _ in range(3):
        leave(agent.path, fresh_entry(subject="1001", what="note", who="w", text="t"))
    with pytest.raises(CannotLeave):
        leave(agent.path, fresh_entry(subject="1001", what="note", who="w", text="t"))
    assert len(list((agent.path / "in").iterdir())) == 3


def test_where_there_is_no_box_the_entry_is_not_lost_silently(tmp_path: Path) -> None:
    with pytest.raises(CannotLeave, match="in"):
        leave(tmp_path, fresh_entry(subject="1001", what="note", who="w", text="t"))


def test_what_was_entered_is_listed_once_and_by_the_agents_word(agent: Agent) -> None:
    entry = fresh_entry(subject="1001/lamp", what="ticket", who="w", title="不走纸")
    leave(agent.path, entry)
    (agent.path / "in" / f"{'f' * 32}.json").write_text("junk")
    now = read(agent.path).now
    assert [row.state for row in words.entered(now, folder.boxed(agent.path), {})] == ["boxed"]
    agent.entries = [
        NowEntry(
            uid=entry.uid, what="ticket", subject="1001/lamp", who="w", said="x", answer="", at=1, state="delivered"
        )
    ]
    agent.write()
    now = read(agent.path).now
    assert [row.state for row in words.entered(now, folder.boxed(agent.path), {})] == ["delivered"]


# -- finding it -------------------------------------------------------------------------------------


def test_the_folder_is_the_one_that_was_said_else_the_agents_own(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_system", lambda _environment: tmp_path / "system")
    assert find("/elsewhere", {}) == Path("/elsewhere")
    assert find("", {"XDG_DATA_HOME": str(tmp_path / "none"), "LOCALAPPDATA": str(tmp_path / "none")}) is None
    assert find("", {"BRANCHFLEET_AGENT_HOME": str(tmp_path)}) == agent.path
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "now.json").write_text("{}")
    assert find("", {"BRANCHFLEET_AGENT_HOME": str(tmp_path)}) == tmp_path / "system"
