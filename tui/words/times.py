"""Times and ages in words. The bank's zone makes days and hours, wherever the console runs."""

import sys
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from tui.texts import _

ZONE = ZoneInfo("Asia/Shanghai")
SECOND = 1_000_000  # µs
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def ticks() -> int:
    """µs by a clock of this PC that nobody sets, the time asleep included."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return time.monotonic_ns() // 1000


def local(at: int) -> datetime:
    return datetime.fromtimestamp(at / SECOND, ZONE)


def clock(at: int) -> str:
    """10:42"""
    return local(at).strftime("%H:%M")


def moment(at: int, now: int) -> str:
    """10:42 today, 11-20 10:42 this year, 2025-11-20 before."""
    then, today = local(at), local(now)
    if then.date() == today.date():
        return then.strftime("%H:%M")
    return then.strftime("%m-%d %H:%M" if then.year == today.year else "%Y-%m-%d")


def brief(at: int, now: int) -> str:
    """10:42 today, 11-20 before: five cells."""
    then = local(at)
    return then.strftime("%H:%M" if then.date() == local(now).date() else "%m-%d")


def full(at: int) -> str:
    """2026-11-22 10:42:07"""
    return local(at).strftime("%Y-%m-%d %H:%M:%S")


def day(at: int) -> str:
    return local(at).strftime("%Y-%m-%d")


def span(length: int) -> str:
    """A length of time in its one largest unit: 12 秒, 3 分钟, 2 小时, 5 天."""
    if length < MINUTE:
        return _("{n} s").format(n=max(0, length // SECOND))
    if length < HOUR:
        return _("{n} min").format(n=length // MINUTE)
    if length < 2 * DAY:
        return _("{n} h").format(n=length // HOUR)
    return _("{n} d").format(n=length // DAY)


def ago(at: int | None, now: int) -> str:
    """3 分钟前; "—" for never."""
    return "—" if at is None else _("{span} ago").format(span=span(now - at))
