"""A driver's reading made fit to send: text from a device is bounded and has no control characters, types are checked.

A device may say anything: a megabyte, a terminal's escape codes, half a character. None of it may fill the spool, break
a database that refuses NUL, or turn a line of Chinese around on a screen.
"""

import math
import re
import unicodedata

from agent.inventory.unseen import UNSEEN
from agent.wire import DeviceWord, Reading
from drivers.base import RAW_LIMIT, cut_raw

KEY_LIMIT = 64  # characters of a key or a word
TEXT_LIMIT = 1000  # characters of one text
# Bytes of each kind in one reading: together, with raw and a failure, below the 64 KiB a server takes as one record.
PARTS_BYTES = 16_000
NUMBERS_BYTES = 12_000
TEXTS_BYTES = 8_000
IDENTITY_BYTES = 4_000


def tidy(reading: Reading) -> Reading:
    """`reading` within bounds. TypeError or ValueError if the driver filled it with what does not belong there."""
    if not isinstance(reading, Reading):
        raise TypeError(f"a driver gave {type(reading).__name__}, not a Reading")
    return Reading(
        device=DeviceWord(reading.device),
        parts=_texts(reading.parts, KEY_LIMIT, PARTS_BYTES),
        numbers=_numbers(reading.numbers),
        texts=_texts(reading.texts, TEXT_LIMIT, TEXTS_BYTES),
        identity=_texts(reading.identity, TEXT_LIMIT, IDENTITY_BYTES),
        raw=_raw(reading.raw),
        as_of=None if reading.as_of is None else int(reading.as_of),
    )


def tidy_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` in one line of at most `limit` characters; what was cut ends in "…"."""
    if not isinstance(text, str):
        raise TypeError(f"a driver gave {type(text).__name__}, not text")
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(" " if unicodedata.category(c) == "Cc" else c for c in UNSEEN.sub(_shown, cut)).strip()


def _shown(found: re.Match[str]) -> str:
    """Half of a pair, which cannot be sent as UTF-8, was a letter once."""
    return "\ufffd" if unicodedata.category(found[0]) == "Cs" else " "


def _texts(texts: dict[str, str], limit: int, left: int) -> dict[str, str]:
    kept = {}
    for key, text in texts.items():
        key, text = tidy_text(key, KEY_LIMIT), tidy_text(text, limit)
        left -= len(key.encode()) + len(text.encode()) + 8  # msgpack's own bytes
        if left < 0:
            break
        kept[key] = text
    return kept


def _numbers(numbers: dict[str, float]) -> dict[str, float]:
    """Infinities and NaN are left out: a number nobody knows is not a number."""
    kept = {}
    left = NUMBERS_BYTES
    for key, number in numbers.items():
        key = tidy_text(key, KEY_LIMIT)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise TypeError(f"a driver gave {type(number).__name__}, not a number, for {key!r}")
        left -= len(key.encode()) + 16
        if left < 0:
            break
        if math.isfinite(value := float(number)):
            kept[key] = value
    return kept


def _raw(raw: dict[str, bytes]) -> dict[str, bytes]:
    for answer in raw.values():
        if not isinstance(answer, bytes):
            raise TypeError(f"a driver gave {type(answer).__name__}, not bytes, as a raw answer")
    return {tidy_text(key, KEY_LIMIT): answer for key, answer in cut_raw(raw).items()}


def tidy_bytes(raw: bytes) -> bytes:
    """What a failure keeps of the bytes received."""
    return bytes(raw[:RAW_LIMIT])
