"""What an hour of numbers adds up to. Plain values: those of the hour that goes on are kept in a subject's state."""

from collections.abc import Iterator, Set
from functools import lru_cache

import msgspec


class Sum(msgspec.Struct, array_like=True):
    """One number in one hour, as the table `roll_up` has it."""

    n: int
    low: float
    high: float
    weighted: float  # Σ value · seconds it held
    seconds: float
    last: float
    last_at: int

    def add(self, value: float, at: int, polls: int, seconds: float) -> None:
        """Found so at `at` by so many polls, and for so many seconds."""
        if value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value
        self.n += polls
        self.weighted += value * seconds
        self.seconds += seconds
        if at >= self.last_at:
            self.last, self.last_at = value, at


class Abreast(msgspec.Struct, array_like=True):
    """Numbers of one hour that were told together so far, side by side: a reading is added to all at once."""

    names: tuple[str, ...]
    n: int
    seconds: float
    last_at: int
    low: list[float]
    high: list[float]
    weighted: list[float]
    last: list[float]

    @property
    def known(self) -> frozenset[str]:
        return _as_set(self.names)

    def add(self, values: list[float], at: int, polls: int, seconds: float) -> None:
        """As `Sum.add`, of each."""
        if values != self.last:
            self.low = [value if value < low else low for value, low in zip(values, self.low, strict=True)]
            self.high = [value if value > high else high for value, high in zip(values, self.high, strict=True)]
        if seconds:
            self.weighted = [weighted + value * seconds for value, weighted in zip(values, self.weighted, strict=True)]
            self.seconds += seconds
        self.n += polls
        if at >= self.last_at:
            self.last, self.last_at = values, at

    def apart(self, names: Set[str]) -> tuple["Abreast", "Abreast"]:
        """Those of `names`, and the others."""
        mine = [place for place, name in enumerate(self.names) if name in names]
        rest = [place for place, name in enumerate(self.names) if name not in names]
        return self._only(mine), self._only(rest)

    def _only(self, places: list[int]) -> "Abreast":
        columns = ([column[place] for place in places] for column in (self.low, self.high, self.weighted, self.last))
        return Abreast(tuple(self.names[place] for place in places), self.n, self.seconds, self.last_at, *columns)

    def each(self) -> Iterator[tuple[str, Sum]]:
        for name, low, high, weighted, last in zip(
            self.names, self.low, self.high, self.weighted, self.last, strict=True
        ):
            yield name, Sum(self.n, low, high, weighted, self.seconds, last, self.last_at)


@lru_cache(512)
def _as_set(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names)
