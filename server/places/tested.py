"""The last self-test of a device whose port a program holds: when it was, and the gravest thing it said.

It says how the device was, not how it is, so it counts nowhere: the device stays neither good nor at fault.
"""

import msgspec

from agent.wire import Level, catalogue
from server.health.state import SelfTest, State
from server.health.tables import HealthRow
from server.health.titles import part_title, word_title
from server.schemas.positions import SelfTestOut


def tested(row: HealthRow | None, lang: str) -> SelfTestOut | None:
    if row is None or row.device != "inUse":
        return None
    newest = msgspec.convert(row.state, State).newest
    if newest is None or newest.tested is None:
        return None
    level, part, word = gravest(newest.tested)
    said = word_title(part, word, lang)
    if level is Level.GOOD:
        said = word_title("module", "ok", lang)  # well in every part, where "online" says only that it answered
    elif part:
        said = f"{part_title(part, lang)}{': ' if lang == 'en' else ' '}{said}"
    return SelfTestOut(at=newest.tested.at, level=level.value, word=said)


def gravest(said: SelfTest) -> tuple[Level, str, str]:
    """Level, part and word: what is wrong, of a part rather than of the device, as it says more; else of the whole."""
    words = catalogue()
    parts = [(words.level(part, word), part, word) for part, word in said.parts.items()]
    known = words.device.get(said.device)
    device = known.level if known else Level.UNKNOWN
    for level in (Level.FAULT, Level.ATTENTION):
        for found in [*parts, (device, "", said.device)]:
            if found[0] is level:
                return found
    if device is Level.UNKNOWN or (parts and all(found[0] is Level.UNKNOWN for found in parts)):
        return Level.UNKNOWN, "", "unknown"
    return Level.GOOD, "", "online"
