"""How subjects stand: in one word, and counted by it."""

from enum import StrEnum

from server.schemas.base import Schema


class Standing(StrEnum):
    """How a subject stands. Only GOOD is good."""

    GOOD = "good"
    ATTENTION = "attention"
    FAULT = "fault"
    IN_USE = "inUse"
    UNKNOWN = "unknown"
    STALE = "stale"
    NEVER = "never"
    CLOSED = "closed"
    UNPOLLED = "unpolled"


# Valid data, just now: what a coverage counts. `unknown` was asked and could not be told. Each of these holds until the
# row's `fresh_until`; whoever shows it later, because no server answers, shows it as stale.
FRESH = (Standing.GOOD, Standing.ATTENTION, Standing.FAULT, Standing.IN_USE)


class Counts(Schema):
    """Positions by standing; every standing is present."""

    by: dict[Standing, int]
    total: int
