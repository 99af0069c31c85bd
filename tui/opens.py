"""What a figure opens: "devices?standing=fault&branch=1001", "tickets/2026-0017", "branches/1001"."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote


@dataclass(frozen=True)
class Place:
    """`name` is a screen, `key` the one thing it shows, `asked` the filters of a list."""

    name: str
    key: str = ""
    asked: tuple[tuple[str, str], ...] = ()

    def one(self, name: str) -> str | None:
        return next((value for key, value in self.asked if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.asked if key == name)


def place(opens: str) -> Place:
    path, _, query = opens.partition("?")
    name, _, key = path.strip("/").partition("/")
    return Place(name, unquote(key), tuple(parse_qsl(query)))
