"""Mappings an operator writes, from a device's codes or another system's words to the catalogue's: checked when read.

A mapping that names a part or word the catalogue lacks would never be judged, so it is an error here and now.
"""

from collections.abc import Mapping

from drivers.base import DeviceWord
from drivers.catalogue import catalogue


def check_part(key: str, words: Mapping[str, object] | set[str]) -> None:
    """ValueError unless the catalogue knows the part `key` and every one of `words`."""
    part = catalogue().find_part(key)
    if part is None:
        raise ValueError(f"{key!r} is not a part of the catalogue; parts are {', '.join(sorted(catalogue().part))}")
    for word in words:
        if word not in part.words:
            raise ValueError(f"{word!r} is not a word of {key!r}; its words are {', '.join(part.words)}")


def check_number(key: str) -> None:
    """ValueError unless the catalogue knows the number `key`."""
    if catalogue().find_number(key) is None:
        raise ValueError(f"{key!r} is not a number of the catalogue")


def check_device(word: str) -> None:
    """ValueError unless `word` is a device word."""
    if word not in set(DeviceWord):
        raise ValueError(f"{word!r} is not a device word; they are {', '.join(DeviceWord)}")
