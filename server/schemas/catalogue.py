"""Names of words, parts and numbers, for consoles."""

from typing import Literal

from server.schemas.base import Schema


class Word(Schema):
    level: Literal["good", "attention", "fault", "unknown"]
    title: str


class CatalogueOut(Schema):
    """Names in the asked-for language, so a console shows what a newer server knows."""

    device: dict[str, Word]
    parts: dict[str, str]
    words: dict[str, dict[str, Word]]  # part -> word
    numbers: dict[str, tuple[str, str]]  # key -> title, unit
    texts: dict[str, str] = {}  # what identity and texts are called  # noqa: RUF012 - pydantic copies it
    classes: dict[str, str]
