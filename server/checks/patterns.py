"""Programs by the names they have: of a pattern's signs only the star is one, and capitals do not matter."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated

import msgspec

Pattern = Annotated[str, msgspec.Meta(min_length=2, max_length=120)]  # * is anything


def like(name: str, patterns: Iterable[str]) -> bool:
    called = name.casefold()
    return any(fnmatchcase(called, _literal(one)) for one in patterns)


@cache
def _literal(pattern: str) -> str:
    return pattern.casefold().replace("[", "[[]").replace("?", "[?]")
