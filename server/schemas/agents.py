"""Agents, who may speak as each, and what a person decides about it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from server.schemas.base import Schema
from server.schemas.conditions import ConditionOut
from server.schemas.standing import Standing

REASON = 500  # characters


class IdentityStanding(StrEnum):
    """Who may speak as an agent."""

    NONE = "none"  # it has no key
    CODE = "code"  # nor yet, but a code to enrol it with
    ENROLLED = "enrolled"
    WAITING = "waiting"  # it has a key, and another waits for a person to confirm it
    QUARANTINED = "quarantined"  # two speak as it
    REVOKED = "revoked"


class SpeakerOut(Schema):
    """A PC that speaks, or would speak, as an agent. What it says of itself is data."""

    what: Literal["key", "waiting", "program"]  # the good key, the one that waits, a process that got a token
    at: int  # enrolled or replaced; of a program: its last token
    host: str
    system: str
    address: str
    fingerprint: str  # of the key; "" of a program


class AgentOut(Schema):
    key: str
    name: str
    branch: str
    standing: Standing
    fresh_until: int | None = None  # as of a position
    seen_at: int | None
    version: str
    waiting: int
    positions: int
    identity: IdentityStanding
    code_until: int | None  # when the code there is expires
    speakers: list[SpeakerOut]  # the keys, then the newest two programs
    clock_off: int | None = None  # µs its PC's clock is ahead of the server's; None: nothing was heard yet
    clock_unsure: int | None = None  # ± µs of that
    problems: list[ConditionOut] = []  # noqa: RUF012 - pydantic copies it; what is open of it, gravest first


class AgentCodeCreate(Schema):
    hours: Annotated[int, Field(ge=1, le=720)] = 72


class AgentCodeOut(Schema):
    """A one-time code, told once. `addresses` are URLs by which people named this server, the first one first."""

    agent: str
    code: str
    until: int
    addresses: list[str] = []  # noqa: RUF012 - pydantic copies it


class AgentStep(Schema):
    """What a person decides about who an agent is."""

    step: Literal["confirm", "withdraw", "revoke", "release", "rotate"]
    reason: Annotated[str, Field(max_length=REASON)] = ""
