"""When a branch is open by its calendar, as spans of minutes. Pure."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server.coverage.spans import MINUTE, Spans, joined

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def opening(calendar: Mapping[str, Any], first: date, last: date, zone: ZoneInfo) -> Spans:
    """The hours of every day from `first` to `last`; `calendar` is the body of the row, as the inventory wrote it."""
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for hours in _hours(calendar, day):
            opens, _, closes = hours.partition("-")
            found.append((_minute(day, opens, zone), _minute(day, closes, zone)))
    return joined(found)


def midnight(day: date, zone: ZoneInfo) -> int:
    """The minute a day of the bank begins."""
    return round(datetime.combine(day, time(), zone).timestamp() * 1_000_000) // MINUTE


def _hours(calendar: Mapping[str, Any], day: date) -> list[str]:
    """Of a day: a date's own hours, else none if it is closed, else the weekday's."""
    own: list[str] | None = (calendar.get("open") or {}).get(day.isoformat())
    if own is not None:
        return own
    if day.isoformat() in (calendar.get("closed") or []):
        return []
    usual: list[str] = calendar.get(DAYS[day.weekday()]) or []
    return usual


def _minute(day: date, clock: str, zone: ZoneInfo) -> int:
    hour, minute = int(clock[:2]), int(clock[3:])
    begins = midnight(day if hour < 24 else day + timedelta(days=1), zone)
    return begins + 60 * (hour % 24) + minute
