"""A whole agent with a third party's driver, against a server over HTTP: nothing is lost or doubled."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.exit import Exit, Trouble
from agent.run import Stop, run_agent, run_until_signalled
from agent.settings import Settings
from agent.spool.spool import Spool
from agent.wire import EventName, Hold, Polled, State

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

pytestmark = pytest.mark.usefixtures("impatient")
LampSays = Callable[..., Polled]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Running = Callable[[], Any]
Enrolled = Callable[[Path, str], Settings]


@pytest.fixture
def settings(tmp_path: Path, centre: Centre, enrolled: Enrolled) -> Settings:
    return enrolled(tmp_path / "home", centre.url)


async def test_an_agent_tells_its_start_its_states_its_holds_and_its_goodbye(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", device="online"), lamp("1/b", error="Unreachable", reason="noAnswer"))
    async with running():
        await until(lambda: any(isinstance(record, Hold) and len(record.held) == 2 for record in centre.order))
        assert centre.states("1/a") == ["online"]
        assert centre.states("1/b") == ["offline"]
        lamp("1/a", device="hardwareError")
        await until(lambda: centre.states("1/a") == ["online", "hardwareError"])
    assert centre.whole()
    first, *_, last = centre.order
    assert centre.events(EventName.START) == [first]
    (goodbye,) = centre.events(EventName.GOODBYE)
    assert goodbye is last
    assert goodbye.detail == {"reason": "the test ends"}


async def test_holds_of_a_position_follow_its_state_without_a_pause(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: sum(isinstance(record, Hold) for record in centre.order) >= 3)
    holds = [record for record in centre.order if isinstance(record, Hold)]
    assert all(later.since == earlier.clock.boot for earlier, later in pairwise(holds))


async def test_an_exchange_travels_with_every_batch_once_there_was_one(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: len(centre.batches) >= 3)
    exchange = centre.batches[-1].exchange
    assert exchange is not None
    assert exchange.sent <= exchange.received
    assert exchange.boot_id == centre.batches[-1].sent.boot_id


@pytest.mark.parametrize("mood", [["away"] * 4, ["half"] * 4, ["deaf"] * 4, ["stranger"] * 4, ["half", "away", "deaf"]])
async def test_whatever_the_server_answers_nothing_is_lost_or_doubled(
    centre: Centre, running: Running, lamp: LampSays, until: Until, mood: list[str]
) -> None:
    centre.mood = [*mood, "ok"]
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
        lamp("1/a", device="offline")
        await until(lambda: centre.states("1/a") == ["online", "offline"])
        await until(lambda: centre.mood == ["ok"])
    assert centre.whole()


async def test_a_cut_line_is_bridged_and_told_once(
    centre: Centre, running: Running, lamp: LampSays, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: centre.states("1/a") == ["online"])
        centre.stop()
        lamp("1/a", device="hardwareError")
        await until(lambda: any("does not answer" in message for message in caplog.messages))
        log = Path(lamp("1/a", device="starting").address).with_suffix(".log")
        polls = len(log.read_text(encoding="utf-8").split())
        await until(lambda: len(log.read_text(encoding="utf-8").split()) > polls + 4)
        centre.start()
        await until(lambda: centre.states("1/a")[-1] == "starting")
    assert centre.whole()
    assert sum("does not answer" in message for message in caplog.messages) == 1
    assert sum("answers again" in message for message in caplog.messages) == 1


async def test_a_stranger_is_told_once_and_goes_on_keeping(
    centre: Centre, running: Running, lamp: LampSays, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    centre.assign(lamp("1/a", device="online"))
    centre.mood = ["stranger"]
    async with running():
        await until(lambda: centre.requests >= 3)
    said = [message for message in caplog.messages if "revoked" in message]
    assert len(said) == 1
    assert centre.order == []


async def test_batches_shrink_until_the_server_takes_them(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    centre.mood = [2]
    centre.assign(*(lamp(f"1/{number}", device="online") for number in range(9)))
    async with running():
        await until(lambda: all(centre.states(f"1/{number}") for number in range(9)))
    assert centre.whole()
    assert max(len(batch.records) for batch in centre.batches) <= 2


async def test_a_record_the_server_cannot_take_stops_no_other(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    centre.poison = "1/3"
    centre.assign(*(lamp(f"1/{number}", device="online") for number in range(6)))
    async with running():
        await until(lambda: all(centre.states(f"1/{number}") for number in range(6) if number != 3))
        await until(lambda: centre.events(EventName.GAP))
        centre.poison = ""
        await until(lambda: centre.states("1/3"))
    numbers = sorted(*map(list, centre.streams.values()))
    gaps = {int(gap.detail["from"]) for gap in centre.events(EventName.GAP)}
    assert sorted({*numbers, *gaps}) == list(range(1, max(numbers) + 1))


async def test_a_server_that_is_mended_between_two_batches_costs_no_record(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    """It refuses a record, and welcomes the empty batch that is to show whether the record is at fault."""
    centre.poison, centre.mended = "1/a", True
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
    assert any(not batch.records for batch in centre.batches)
    assert centre.whole()
    assert centre.events(EventName.GAP) == []


async def test_a_server_that_takes_no_batch_at_all_costs_no_record(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    """As an older server would: the fault is not in a record."""
    centre.mood = [-1]
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: centre.requests >= 8)
        assert centre.order == []
        centre.mood = ["ok"]
        await until(lambda: centre.states("1/a"))
    assert centre.whole()
    assert centre.events(EventName.GAP) == []


async def test_a_changed_assignment_disturbs_nobody_it_does_not_concern(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    stays, goes = lamp("1/stays", device="online"), lamp("1/goes", device="online")
    centre.assign(stays, goes)
    async with running():
        await until(lambda: centre.states("1/stays") and centre.states("1/goes"))
        wrong = Polled(position="1/wrong", name="", driver="nobody's", address="", options={}, interval=0.2)
        centre.assign(stays, lamp("1/comes", device="deviceBusy"), wrong)
        await until(lambda: centre.states("1/comes") == ["deviceBusy"] and centre.states("1/wrong") == ["unknown"])
        log = Path(goes.address).with_suffix(".log")
        polls = log.read_text(encoding="utf-8")
        seen = len(centre.order)
        await until(lambda: len([record for record in centre.order[seen:] if isinstance(record, Hold)]) >= 2)
        assert log.read_text(encoding="utf-8") == polls
        assert centre.states("1/stays") == ["online"]


async def test_an_agent_starts_from_what_it_kept_when_there_is_no_line(
    centre: Centre, settings: Settings, running: Running, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
    kept = settings.home / "assignment.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    centre.stop()
    lamp("1/a", device="hardwareError")
    log = Path(lamp("1/a", device="hardwareError").address).with_suffix(".log")
    log.unlink()
    async with running():
        await until(log.exists)
    centre.start()
    async with running():
        await until(lambda: centre.states("1/a")[:2] == ["online", "hardwareError"])
    assert centre.whole()


async def test_a_restored_server_is_refilled_and_told_every_state_anew(
    centre: Centre, running: Running, lamp: LampSays, until: Until
) -> None:
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: len(centre.order) > 3)
        (held,) = centre.streams.values()
        centre.stop()
        for seq in [seq for seq in held if seq > 1]:
            del held[seq]
        centre.order.clear()
        centre.epoch = "e2"
        centre.start()
        await until(lambda: centre.states("1/a") == ["online", "online"])
    assert centre.whole()


async def test_a_second_agent_in_the_same_folder_is_refused(
    centre: Centre, settings: Settings, running: Running, until: Until
) -> None:
    async with running():
        await until(lambda: centre.order)
        with pytest.raises(Trouble, match="Another agent is running") as refused:
            await run_agent(settings, Stop())
    assert refused.value.code is Exit.BUSY
    assert refused.value.zh == "另一个采集程序正在使用记录缓存，同一文件夹只能运行一个。"


async def test_a_restored_copy_of_the_spool_loses_nothing(
    centre: Centre, settings: Settings, running: Running, lamp: LampSays, until: Until
) -> None:
    centre.credulous = True
    centre.assign(lamp("1/a", device="online"))
    async with running():
        await until(lambda: centre.states("1/a"))
    copy = settings.spool_path.read_bytes()
    async with running():
        await until(lambda: len(centre.states("1/a")) == 2)
    settings.spool_path.write_bytes(copy)
    lamp("1/a", device="hardwareError")
    async with running():
        await until(lambda: centre.states("1/a")[-1] == "hardwareError")
    assert len(centre.streams) == 2
    assert centre.whole()


def start(home: Path, third_party: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(third_party), os.getcwd()])}
    command = [sys.executable, "-m", "agent.cli", "run", "--home", str(home)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


async def test_kill_9_and_a_new_start_lose_and_double_nothing(
    centre: Centre, enrolled: Enrolled, tmp_path: Path, third_party: Path, lamp: LampSays, until: Until
) -> None:
    home = tmp_path / "home"
    enrolled(home, centre.url)
    words = ["online", "hardwareError", "starting", "userError"]
    centre.assign(lamp("1/a", device="online"))
    for life, word in enumerate(words):
        centre.mood = ["half", "deaf", "ok"] if life % 2 else ["ok"]
        lamp("1/a", device=word)
        agent = start(home, third_party)
        try:
            await until(lambda word=word: word in centre.states("1/a"))  # type: ignore[misc]
        finally:
            agent.send_signal(signal.SIGKILL)
            agent.communicate()
    spool = Spool(home / "spool.db", lambda: pytest.fail("no clock is asked for"))
    left = spool.next_batch(10_000, 1 << 30)
    spool.close()
    (held,) = centre.streams.values()
    numbers = sorted({*held, *(record.seq for record in left.records)})
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(centre.events(EventName.START)) == len(words)
    assert all(held.get(record.seq, record) == record for record in left.records)


async def test_sigterm_is_a_goodbye_and_exit_code_0(
    centre: Centre, enrolled: Enrolled, tmp_path: Path, third_party: Path, lamp: LampSays, until: Until
) -> None:
    home = tmp_path / "home"
    enrolled(home, centre.url)
    centre.assign(lamp("1/a", device="online"))
    agent = start(home, third_party)
    await until(lambda: centre.states("1/a"))
    agent.terminate()
    _, said = agent.communicate(timeout=20)
    assert agent.returncode == 0
    assert "Traceback" not in said
    (goodbye,) = centre.events(EventName.GOODBYE)
    assert goodbye.detail == {"reason": "SIGTERM"}
    assert centre.order[-1] is goodbye
    assert [record.position for record in centre.order if isinstance(record, State)] == ["1/a"]


def test_names_that_no_resolver_answers_keep_nobody_waiting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver that is away keeps a thread for each look-up; polls and records need threads too."""
    back = threading.Event()

    def hangs(*_: Any, **__: Any) -> list[Any]:
        back.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def looks_up(*_: Any) -> Exit:
        loop = asyncio.get_running_loop()
        try:
            asked = [asyncio.ensure_future(loop.getaddrinfo("centre.example", 443)) for _ in range(20)]
            await asyncio.sleep(0)  # each has its thread
            async with asyncio.timeout(20):
                await asyncio.to_thread(lambda: None)
        finally:
            back.set()
        await asyncio.gather(*asked, return_exceptions=True)
        return Exit.DONE

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr("agent.run.run_agent", looks_up)
    assert run_until_signalled(settings) is Exit.DONE
