"""Pinyin initials: 正午支行 is "zwzh". People type these when the input method is off.

A character of several readings answers to each of them: in a bank 行 is háng, which dictionaries put second.
"""

from functools import lru_cache


def is_initials(query: str) -> bool:
    """Whether `query` may be initials: Latin letters, perhaps with digits, as in "1hck"."""
    return query.isascii() and query.isalnum() and any(character.isalpha() for character in query)


def says(query: str, text: str) -> bool:
    """Whether the initials of some stretch of `text` are `query`. Blanks and marks in `text` are passed over."""
    wanted, spoken = query.lower(), _spoken(text)
    last = len(spoken) - len(wanted)
    return any(all(letter in spoken[at + n] for n, letter in enumerate(wanted)) for at in range(last + 1))


@lru_cache(20_000)
def _spoken(text: str) -> tuple[str, ...]:
    """The initials each character of `text` may have: ("z", "w", "z", "xh")."""
    return tuple(_initials(character) for character in text if character.isalnum())


@lru_cache(5000)
def _initials(character: str) -> str:
    if character.isascii():
        return character.lower()
    from pypinyin import Style, pinyin  # 0.2 s: only once somebody searches

    readings = pinyin(character, style=Style.FIRST_LETTER, heteronym=True)
    return "".join(sorted(set(readings[0]))).lower()
