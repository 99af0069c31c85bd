"""The real agent with nobody at the other end: its folder is right, and what people leave is in the spool once."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agent.clock import system_clocks
from agent.exit import Exit
from agent.local.now import Now
from agent.run import Stop, run_agent
from agent.settings import Settings
from agent.spool.spool import Spool
from agent.spool.streams import begin
from agent.wire import Assignment, Clock, Entry, Lore, Polled

if TYPE_CHECKING:
    from tests.agent.conftest import Centre, FakeClocks
else:
    Centre = FakeClocks = Any

pytestmark = pytest.mark.usefixtures("impatient")
LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Leave = Callable[..., str]
Running = Callable[[], Any]


@pytest.fixture
def settings(tmp_path: Path, centre: Centre, enrolled: Callable[[Path, str], Settings]) -> Settings:
    return msgspec.structs.replace(enrolled(tmp_path / "home", centre.url), local=tmp_path / "local")


def assigned(lore: Lore, *polled: Polled) -> Assignment:
    return Assignment(agent="agent-1001", revision="r1", polled=list(polled), hold_every=1.0, lore=lore)


def said(settings: Settings) -> Now | None:
    with suppress(FileNotFoundError):
        return msgspec.json.decode((settings.local_folder / "now.json").read_bytes(), type=Now)
    return None


def entries(centre: Centre) -> list[Entry]:
    return [record for record in centre.order if isinstance(record, Entry)]


async def test_after_a_restart_without_a_line_everything_is_there(
    centre: Centre, running: Running, settings: Settings, lamp: LampSays, lore: Lore, until: Until
) -> None:
    centre.assignment = assigned(lore, lamp("1001/a", device="online", parts={"cover": "open"}))
    async with running():
        await until(lambda: (now := said(settings)) and now.server.state == "here" and now.positions[0].asked)
    centre.stop()
    ended = said(settings)
    assert ended is not None
    assert ended.ended
    async with running():
        await until(lambda: (now := said(settings)) and now.server.state == "away" and now.positions[0].asked)
        now = said(settings)
        assert now is not None
        assert (now.ended, now.agent, now.suspect) == (False, "agent-1001", "server")
        assert now.server.stopped
        assert [(one.key, one.standing) for one in now.positions] == [("1001/a", "fault"), ("1001/dark", "unpolled")]
        assert now.positions[0].word.zh == "前盖 未关"
        assert [line.fault_phone for line in now.lines] == ["0000-10099"]
        assert now.server.contact == ended.server.contact  # of the run before: since then it is away
        assert now.server.waiting > 0


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
async def test_people_may_read_and_leave_but_not_write(
    centre: Centre, running: Running, settings: Settings, until: Until
) -> None:
    before = os.umask(0o077)  # as a service may have it
    try:
        async with running():
            await until(lambda: said(settings))
    finally:
        os.umask(before)
    modes = {
        name: stat.S_IMODE((settings.local_folder / name).stat().st_mode) for name in ("", "in", "aside", "now.json")
    }
    assert modes == {"": 0o755, "in": 0o1777, "aside": 0o755, "now.json": 0o644}


async def test_what_was_left_while_the_agent_was_down_is_delivered_once_and_told_of(
    centre: Centre, running: Running, settings: Settings, lore: Lore, leave: Leave, until: Until
) -> None:
    centre.assignment = assigned(lore)
    first = leave(what="ticket", title="不走纸", fault="hardware", urgent=True)
    async with running():
        await until(lambda: len(entries(centre)) == 1)
        centre.stop()
        second = leave(what="answer", answer="line", subject="1001/line/main", text="单号 8812")
        await until(lambda: (now := said(settings)) and [e.state for e in now.entries] == ["delivered", "waiting"])
        assert list((settings.local_folder / "in").iterdir()) == []
        centre.start()
        await until(lambda: len(entries(centre)) == 2)
        await until(lambda: (now := said(settings)) and [e.state for e in now.entries] == ["delivered"] * 2)
    assert [entry.uid for entry in entries(centre)] == [first, second]
    assert (entries(centre)[0].title, entries(centre)[0].urgent) == ("不走纸", True)
    assert centre.whole()


async def test_what_the_server_refused_is_told_with_its_reason_also_after_a_restart(
    centre: Centre, running: Running, settings: Settings, lore: Lore, leave: Leave, until: Until
) -> None:
    def told() -> list[tuple[str, str]]:
        now = said(settings)
        return [(one.state, one.why) for one in now.entries] if now and not now.ended else []

    centre.assignment = assigned(lore)
    centre.foreign = "1001/dark"  # moved to another branch since the agent was last told
    async with running():
        leave(subject="1001/dark")
        await until(lambda: told() == [("refused", "not of its branch")])
        leave()
        await until(lambda: told() == [("refused", "not of its branch"), ("delivered", "")])
    async with running():
        await until(lambda: told() == [("refused", "not of its branch"), ("delivered", "")])


async def test_what_was_entered_stays_listed_with_its_fate_when_the_spool_begins_anew(
    centre: Centre, running: Running, settings: Settings, lore: Lore, leave: Leave, until: Until
) -> None:
    def told() -> list[tuple[str, str]]:
        now = said(settings)
        return [(one.uid, one.state) for one in now.entries] if now and not now.ended else []

    centre.assignment = assigned(lore)
    first = leave()
    async with running():
        await until(lambda: told() == [(first, "delivered")])
        centre.stop()
        second = leave()
        await until(lambda: told() == [(first, "delivered"), (second, "waiting")])
    (settings.home / "spool.db").write_bytes(b"not what was written" * 1000)
    async with running():
        await until(lambda: told() == [(first, "delivered"), (second, "lost")])
        third = leave()
        await until(lambda: told() == [(first, "delivered"), (second, "lost"), (third, "waiting")])
        centre.start()
        await until(lambda: told() == [(first, "delivered"), (second, "lost"), (third, "delivered")])


async def test_what_the_server_refused_is_told_whichever_stream_it_was_of(
    centre: Centre, running: Running, settings: Settings, lore: Lore, leave: Leave, until: Until
) -> None:
    """A server brought back from a backup is sent again, in the stream they had, records of a stream that has ended."""

    def told() -> list[tuple[str, str]]:
        now = said(settings)
        return [(one.state, one.why) for one in now.entries] if now and not now.ended else []

    centre.assignment = assigned(lore)
    async with running():
        await until(lambda: (now := said(settings)) and now.server.state == "here")
        centre.stop()
        leave(subject="1001/dark")
        await until(lambda: told() == [("waiting", "")])
    spool = Spool(settings.home / "spool.db", system_clocks(settings.home))
    before = spool.parts()
    with spool._writing():
        begin(spool._db, spool._next())
    assert spool.parts()[0].uid == before[0].uid
    spool.close()
    centre.foreign = "1001/dark"
    centre.start()
    async with running():
        await until(lambda: told() == [("refused", "not of its branch")])


async def test_a_folder_that_could_not_be_made_is_made_when_it_can_be(
    running: Running, settings: Settings, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.local.keep.EVERY_SECONDS", 0.1)
    settings.local_folder.write_text("a file in its place")
    async with running():
        await until((settings.home / "spool.db").exists)
        settings.local_folder.unlink()
        await until(lambda: said(settings))


async def test_without_an_assignment_nothing_is_taken_and_nothing_is_lost(
    centre: Centre, running: Running, settings: Settings, leave: Leave, until: Until
) -> None:
    centre.stop()
    uid = leave()
    async with running():
        await until(lambda: (now := said(settings)) and now.server.state == "away")
    assert (settings.local_folder / "in" / f"{uid}.json").exists()


async def test_without_its_folder_the_agent_goes_on(
    centre: Centre, settings: Settings, lamp: LampSays, lore: Lore, until: Until
) -> None:
    settings.local_folder.write_text("a file in its place")
    centre.assignment = assigned(lore, lamp("1001/a", device="online"))
    stop = Stop()
    agent = asyncio.create_task(run_agent(settings, stop))
    await until(lambda: centre.states("1001/a") == ["online"])
    stop.ask("the test ends")
    assert await agent is Exit.DONE


def test_an_entry_taken_before_a_crash_is_not_taken_again(tmp_path: Path, clocks: FakeClocks) -> None:
    entry = Entry(seq=0, clock=clocks(), uid="0" * 32, subject="1001", what="note", who="w", text="t")
    with_crash = Spool(tmp_path / "spool.db", clocks)
    assert with_crash.append_once(entry)
    with_crash.close()  # the file in the box was not removed yet
    again = Spool(tmp_path / "spool.db", clocks)
    assert not again.append_once(entry)
    assert again.waiting() == 1
    again.acked(again.stream, [(1, 1)], "e1", 1)
    assert not again.append_once(entry)
    assert [held for _, held in again.entries()] == [True]
    again.close()


def test_when_the_spool_is_full_what_people_entered_goes_last(tmp_path: Path, clocks: FakeClocks) -> None:
    from agent.wire import DeviceWord, Reading, State

    spool = Spool(tmp_path / "spool.db", clocks, limit=20_000)
    spool.append_once(Entry(seq=0, clock=clocks(), uid="0" * 32, subject="1001", what="note", who="w", text="t"))
    for number in range(100):
        reading = Reading(device=DeviceWord.ONLINE, texts={"x": "y" * 1000 + str(number)})
        spool.append([State(seq=0, clock=clocks(), position="1001/a", reading=reading)])
    assert len(spool.entries()) == 1
    spool.close()


KILLED = """
import sys
from pathlib import Path
from agent.local.box import Box, entry_of
from agent.spool.spool import Spool
from agent.clock import system_clocks
home, place = Path(sys.argv[1]), Path(sys.argv[2])
clocks = system_clocks(home)
spool, box = Spool(home / "spool.db", clocks), Box(place / "in", place / "aside")
print("ready", flush=True)
sys.stdin.readline()
for one in box.look(frozenset({"1001/a"})):
    spool.append_once(entry_of(one, clocks()))
    print(one.uid, flush=True)  # durable, and killed somewhere from here on
    box.taken(one.uid)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_killed_between_spool_and_box_again_and_again_every_entry_is_there_once(
    tmp_path: Path, place: Path, leave: Leave
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    left = {leave() for _ in range(12)}
    command = [sys.executable, "-c", KILLED, str(home), str(place)]
    for _ in range(30):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()
        if not line:
            break
    subprocess.run(command, input=b"\n", check=True, capture_output=True)  # as killed as one was, the last finishes
    spool = Spool(home / "spool.db", system_clocks(home))
    uids = [entry.uid for entry, _ in spool.entries()]
    spool.close()
    assert sorted(uids) == sorted(left)
    assert list((place / "in").iterdir()) == []


def test_clocks_of_one_machine_agree(tmp_path: Path) -> None:
    """The console reads the same boot clock as the agent, so an entry's age is right whatever the wall clock does."""
    from tui.local.folder import fresh_entry

    if sys.platform != "linux":
        pytest.skip("the console reads a boot clock on Linux alone")
    before: Clock = system_clocks(tmp_path)()
    entry = fresh_entry(subject="1001", what="note", who="w", text="t")
    after: Clock = system_clocks(tmp_path)()
    assert entry.boot is not None
    assert before.boot <= entry.boot <= after.boot
    assert entry.boot_id == before.boot_id
