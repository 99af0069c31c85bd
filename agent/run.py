"""The running agent: its parts put together, started, and stopped in order with a goodbye."""

import asyncio
import logging
import platform
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from agent.assignment import Target
from agent.clock import Clocks, system_clocks
from agent.duties import Duties
from agent.exit import Exit
from agent.hosts import Hosts
from agent.link.errors import Away
from agent.link.link import Link, open_line
from agent.link.tokens import Tokens
from agent.link.trust import Trust, context_for
from agent.link.uplink import Uplink
from agent.local.keep import Local
from agent.media.watching import Media
from agent.notify import BEGUN, ENDING, beat, notify
from agent.orders.doing import Doing
from agent.orders.receiving import HELD_SECONDS, Receiving
from agent.orders.running import Running
from agent.poll import Poller, Seen
from agent.report import Report
from agent.schedule import Schedule
from agent.settings import Settings
from agent.signals import ended_by_signals
from agent.spool.opening import open_at_last, open_now
from agent.spool.outbox import Outbox
from agent.spool.tables import SpoolFull
from agent.status import Account
from agent.sweep.sweeping import Sweeping
from agent.telling import Telling
from agent.wire import Ack, Event, EventName, catalogue
from drivers.base import Shared

WRITE_SECONDS = 2.0  # for the last records to get on the disk
FLUSH_SECONDS = 5.0  # and for them to get to the server
CLOSE_SECONDS = 2.0  # and for what drivers share to be closed
THREADS = 32  # at most: a name that no resolver answers keeps one for up to a minute, and polls wait for none

log = logging.getLogger(__name__)


class Stop:
    """Asked for once, with the reason the goodbye gives."""

    def __init__(self) -> None:
        self.reason = ""
        self.asked = asyncio.Event()

    def ask(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.asked.set()


async def run_agent(settings: Settings, stop: Stop, clocks: Clocks | None = None) -> Exit:
    """Poll and send until `stop` is asked for. Raises Trouble if it cannot even begin."""
    clocks = clocks or system_clocks(settings.home)
    spool = await open_now(settings, clocks)
    outbox: Outbox | None = None
    parts = False  # before there is an outbox that could
    shared = Shared(settings.home)

    async def begin_stream() -> None:
        nonlocal parts
        parts = outbox is None
        try:
            if outbox is not None:
                await outbox.part()
        except SpoolFull as error:
            raise Away(str(error)) from error

    try:
        trust = Trust(settings.home)
        context = context_for(settings.server, trust)
        async with (
            open_line(settings.server, context) as line,
            open_line(settings.server, context, held=HELD_SECONDS) as held_line,
        ):
            proven = trust if settings.server.startswith("https:") else None
            tokens = Tokens(line, settings.home, settings.identity, clocks, begin_stream, proven)
            link, orders = Link(line, tokens, trust.heard), Link(held_line, tokens, trust.heard, quiet=True)
            spool = spool or await open_at_last(settings, clocks, link, own_version(), stop.asked)
            if spool is None:
                return Exit.DONE
            report = Report(catalogue(), clocks())
            outbox = Outbox(spool, clocks, settings.spool_bytes, forget=report.forget, days=settings.spool_days)
            if parts:
                await outbox.part()
            return await _live(settings, stop, clocks, report, outbox, shared, link, orders)
    finally:
        if outbox is not None:
            await outbox.close()
        elif spool is not None:
            await asyncio.to_thread(spool.close)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await shared.close()


async def _live(
    settings: Settings,
    stop: Stop,
    clocks: Clocks,
    report: Report,
    outbox: Outbox,
    shared: Shared,
    link: Link,
    orders: Link,
) -> Exit:
    poller = Poller()

    async def look(target: Target) -> Seen:
        seen = await poller.poll(target)
        position = target.polled.position
        if schedule.target(position) is target:  # and not replaced while it was asked
            now = clocks()
            account.saw(position, seen, now)
            news = report.seen(position, seen, now)
            outbox.put(news.records, urgent=news.urgent)
            local.seen(position, seen, news=bool(news.records))
        return seen

    async def hold() -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            while (left := began + duties.hold_every - loop.time()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(min(left, 1.0))  # in steps: an assignment may shorten it meanwhile
            outbox.put(report.hold(clocks()))

    account = Account(settings.home, clocks, outbox, link, own_version())
    schedule = Schedule(look, clocks)

    def acked(ack: Ack) -> None:
        duties.heard(ack.assignment)
        local.answered(ack)
        account.answered()

    uplink = Uplink(link, outbox, clocks, version=own_version(), on_ack=acked, ahead=report.ahead)
    duties = Duties(settings.home, clocks, link, uplink, schedule, report, shared)
    local = Local(settings.local_folder, settings.server, clocks, link, outbox, duties)
    account.aside = lambda: local.aside

    def polled() -> list[str]:
        return [position for position, target in schedule.targets.items() if target.failure is None]

    telling = Telling(settings.home, outbox, clocks, uplink.clock_off)
    hosts = Hosts(schedule, poller, outbox, clocks)
    parts = (
        settings,
        clocks,
        outbox,
        schedule,
        look,
        report,
        duties,
        lambda: account.settled(polled),
        telling.look,
        hosts,
        Sweeping(outbox, clocks),
    )
    running = Running(outbox, clocks, Doing(*parts).kinds())
    media = Media(outbox, clocks)
    receiving = Receiving(orders, link, outbox, clocks, running, met=uplink.met)

    outbox.put([_start_event(clocks)], urgent=True)
    outbox.news.set()  # what is left from the last run
    schedule.start()
    duties.begin()
    writer = asyncio.create_task(outbox.run())
    tasks = (uplink.run(), duties.run(), hold(), schedule.watch_clock(), local.run(), account.run(), beat())
    others = [
        asyncio.create_task(each)
        for each in (*tasks, running.run(), receiving.run(), telling.run(), hosts.run(), media.run())
    ]
    notify(BEGUN)
    asked = asyncio.create_task(stop.asked.wait())
    done, _ = await asyncio.wait([asked, writer, *others], return_when=asyncio.FIRST_COMPLETED)
    for task in done - {asked}:
        log.error("A part of the agent ended by a defect; the agent ends too.", exc_info=task.exception())
        stop.ask("defect")

    notify(ENDING)
    await schedule.stop()
    await _cancel(asked, *others)
    await running.stop()
    reason: dict[str, str | int] = {"reason": stop.reason}
    outbox.put([*report.hold(clocks()), Event(seq=0, clock=clocks(), name=EventName.GOODBYE, detail=reason)])
    if await outbox.written(WRITE_SECONDS):
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await uplink.flush()
    await local.end()
    await _cancel(writer)
    return Exit.DEFECT if stop.reason == "defect" else Exit.DONE


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _start_event(clocks: Clocks) -> Event:
    detail: dict[str, str | int] = {
        "version": own_version(),
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }
    return Event(seq=0, clock=clocks(), name=EventName.START, detail=detail)


def own_version() -> str:
    try:
        return version("branchfleet")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"


def run_until_signalled(settings: Settings) -> Exit:
    """Run in this process until the system or a person ends it."""

    async def main() -> Exit:
        stop = Stop()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS))
        with ended_by_signals(loop, stop.ask):
            return await run_agent(settings, stop)

    return asyncio.run(main())
