"""Products that are bought by licence, and by which names a host says that it has one. Pure."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import msgspec

from server.checks.patterns import Pattern, like

NAME: Final = 80  # characters
REMEMBERED: Final = 200_000  # names of programs


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is there where a program is called by one of `software` and none of `other`; or, of an operating system, where
    it is called by one of `system` and its edition is one of `editions`, any where none is named. Nothing finds one
    without names. `activation`: the host says of it whether it is licensed."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME)]
    publisher: Annotated[str, msgspec.Meta(max_length=NAME)] = ""
    software: tuple[Pattern, ...] = ()
    other: tuple[Pattern, ...] = ()
    system: tuple[Pattern, ...] = ()
    editions: tuple[Pattern, ...] = ()
    activation: bool = False

    @property
    def topic(self) -> str:
        """The sheet that tells of it; "": none does."""
        return "host" if self.system else "software" if self.software else ""

    def is_edition(self, said: str) -> bool:
        return like(said, self.editions)


class Products:
    """By id. What hosts of a bank call their programs is mostly alike, so each name is looked at once."""

    def __init__(self, every: Iterable[Product]) -> None:
        self.by_id: Mapping[str, Product] = {one.id: one for one in every}
        self._programs = [one for one in self.by_id.values() if one.topic == "software"]
        self._systems = [one for one in self.by_id.values() if one.topic == "host"]
        self._called: dict[str, tuple[str, ...]] = {}

    def called(self, program: str) -> tuple[str, ...]:
        """The ids of what a program of that name is."""
        found = self._called.get(program)
        if found is None:
            found = tuple(
                one.id for one in self._programs if like(program, one.software) and not like(program, one.other)
            )
            if len(self._called) < REMEMBERED:
                self._called[program] = found
        return found

    def systems(self, name: str) -> Iterable[Product]:
        """What an operating system of that name may be, whatever its edition."""
        return (one for one in self._systems if like(name, one.system))


@cache
def shipped() -> tuple[Product, ...]:
    text = files("server.licences").joinpath("products.toml").read_text(encoding="utf-8")
    return tuple(msgspec.convert(tomllib.loads(text), dict[str, list[Product]])["product"])
