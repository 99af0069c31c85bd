"""What people entered at branch PCs without the server, and what they were told on the telephone."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from server.schemas.base import Page, Schema

KEY = 64  # characters of a branch's
TEXT = 500  # characters of what was said on the telephone


class EntryKind(StrEnum):
    """What a person enters at a branch PC: a fault report, a line for the day's register, what the telephone said."""

    TICKET = "ticket"
    NOTE = "note"
    ANSWER = "answer"


class Answer(StrEnum):
    """What a carrier, the power company or the branch said on the telephone: 停电, 断线, 已关机."""

    POWER = "power"
    LINE = "line"
    CLOSED = "closed"


class EntryOut(Schema):
    """Entered at a branch PC while the server was away. `who` is a name as typed: nobody had signed in."""

    uid: str
    subject: str
    subject_kind: str
    subject_name: str
    branch: str
    branch_name: str
    agent: str
    what: EntryKind
    at: int  # corrected time it was typed
    arrived: int
    who: str
    text: str
    answer: Answer | None
    ticket: str | None


class AnswerCreate(Schema):
    """What somebody said on the telephone of a branch that is silent."""

    branch: Annotated[str, Field(min_length=1, max_length=KEY)]
    answer: Answer
    text: Annotated[str, Field(max_length=TEXT)] = ""


class AnswerOut(Schema):
    branch: str
    answer: Answer
    at: int
    who: str
    hint: str = ""  # where it is not shown, in one sentence


class EntryPage(Page):
    rows: list[EntryOut]
