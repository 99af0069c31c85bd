"""The server itself: what it holds, what changed in it just now, and who it is."""

from agent.proof import LOOPBACK as LOOPBACK
from server.schemas.base import Schema


class Invalidated(Schema):
    """One event of GET /api/events (SSE): fetch again what shows `topic` `key`."""

    cursor: int
    topic: str
    key: str


class AuthorityOut(Schema):
    """What the server says its CA is, to whoever has still to find out whether to believe it."""

    ca: str  # PEM


class Status(Schema):
    """What the server holds, in figures. For monitors and the headless demo."""

    version: str
    bank: str
    at: int
    branches: int
    positions: int
    agents: int
    observations: int
    conditions: int
    conditions_open: int
    tickets: int
    tickets_open: int
    journal: int
    health_lag: int  # records the health follower has still to read
