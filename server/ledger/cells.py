"""Text on its way into somebody's spreadsheet: shown as it is, and never run."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

CELL_LIMIT = 32_767  # characters; Excel's own
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # an IME's full-width signs count for Excel too
# control characters, marks that turn the direction of writing, and what XML cannot hold
_REMOVED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
_BREAKS = re.compile("[\t\r\n\u2028\u2029]+")


def clean(text: str) -> str:
    """One line of text without what is not text."""
    return _BREAKS.sub(" ", _REMOVED.sub("", text))[:CELL_LIMIT]


def harmless(text: str) -> str:
    """For CSV, where Excel would take the text for a formula: an apostrophe goes before it."""
    return f"'{clean(text)}" if text.startswith(_FORMULA) or clean(text).startswith(_FORMULA) else clean(text)


def moment(micros: int, zone: ZoneInfo) -> datetime:
    """A time as the bank's clocks showed it, without its zone: spreadsheets have none."""
    return datetime.fromtimestamp(micros // 1_000_000, zone).replace(tzinfo=None)
