"""What hosts say of themselves, as they said it: docs/facts.md has the names."""

from typing import Annotated

from pydantic import Field

from server.schemas.base import Page, Schema

Value = str | int | bool | list[str]


class TopicOut(Schema):
    topic: str
    at: int  # corrected time it was said
    old: bool  # more than a day ago: what changes may have changed
    unread: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it; a name, or a beginning of names with a dot -> why


class FactsOut(Schema):
    """What a host said of itself last: the PC of an agent, or a position. `at` and `old` are of the topic host."""

    agent: str  # its key, or that of the position
    at: int | None  # corrected time; None: it never said
    old: bool = False
    host: str = ""
    facts: dict[str, Value] = {}  # noqa: RUF012 - pydantic copies it; of all topics
    topics: list[TopicOut] = []  # noqa: RUF012 - pydantic copies it


class FactsImport(Schema):
    """A file that a host's script wrote, for a stick."""

    file: Annotated[str, Field(max_length=200)]  # its name, for people
    content: Annotated[str, Field(max_length=900_000)]  # base64


class FactsImported(Schema):
    """What became of a file whose host signed it."""

    position: str
    at: int  # when it was written, by the host's clock
    taken: bool  # False: as much or more was known already, and nothing changed
    known: int | None = None  # what was known is of then


class ChangeOut(Schema):
    """One fact that differed. Of a list, `before` is what went and `after` what came; None is not known."""

    topic: str
    name: str
    before: Value | None
    after: Value | None
    at: int


class ChangePage(Page):
    rows: list[ChangeOut]
