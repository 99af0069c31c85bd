"""What one look found: how it stands, one sentence, and where it does not stand well the step that mends it."""

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec


class Word(StrEnum):
    WELL = "well"
    HEED = "heed"  # works, and will not for long, or not as well as it could
    WRONG = "wrong"
    UNSEEN = "unseen"  # could not be looked at, which is not the same as well


class Text(NamedTuple):
    """The same sentence in both languages."""

    zh: str
    en: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    noun: Text
    word: Word
    said: Text
    mend: Text | None = None
    facts: dict[str, Any] = {}  # for programs

    def as_json(self, pick: int) -> dict[str, Any]:
        mend = self.mend[pick] if self.mend is not None else None
        about = {"about": self.noun.en, "state": str(self.word), "said": self.said[pick], "mend": mend}
        return about | ({"facts": self.facts} if self.facts else {})


def span(micros: int) -> Text:
    """A time that passed, as people say it: 40 秒, 12 分钟, 5 小时, 3 天."""
    seconds = round(abs(micros) / 1_000_000)
    for size, zh, en in ((86_400, "天", "days"), (3600, "小时", "hours"), (60, "分钟", "minutes")):
        if seconds >= 2 * size:
            return Text(f"{seconds // size} {zh}", f"{seconds // size} {en}")
    return Text(f"{seconds} 秒", f"{seconds} seconds")
