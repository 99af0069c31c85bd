"""Pinyin initials: 正午支行 is "zwzh". People type these when the input method is off."""

from functools import lru_cache


@lru_cache(20_000)
def initials(text: str) -> str:
    """Initials of the Chinese characters, everything else as it is, in lower case and without blanks."""
    from pypinyin import Style, lazy_pinyin  # 0.2 s: only once somebody searches

    return "".join(lazy_pinyin(text, style=Style.FIRST_LETTER)).lower().replace(" ", "")


def is_initials(query: str) -> bool:
    """Whether `query` may be initials: Latin letters, perhaps with digits, as in "1hck"."""
    return query.isascii() and query.isalnum() and any(character.isalpha() for character in query)
