"""What of a period is attested, and why the rest is missing."""

from enum import StrEnum

from server.schemas.base import Schema


class Missing(StrEnum):
    """Why minutes that were due are not attested, in the order in which evidence counts. UNKNOWN has none."""

    CLOSED = "closed"  # the agent said goodbye and had not started again; or its branch was closed by its calendar
    LOST = "lost"  # records were lost, and the agent said so: full spool, full disk, unreadable
    LOST_STREAM = "lostStream"  # the agent's spool could not be continued
    KEPT_OUT = "keptOut"  # the server let the agent not in: it was in quarantine, or revoked
    POWER = "power"  # the mains of the branch had failed
    LINE = "line"  # the lines of the branch were cut
    WAITING = "waiting"  # the agent has numbered the records and they are not here yet
    UNREADABLE = "unreadable"  # polled, but the answers said nothing
    UNKNOWN = "unknown"


class MinutesOut(Schema):
    """Position-minutes: due = attested + all of missing. Every reason is present."""

    due: int
    attested: int
    missing: dict[Missing, int]


class CoverageDay(MinutesOut):
    """One day of the bank's zone; one that is not over counts up to now."""

    day: str  # 2026-11-04
    over: bool
    lost: int = 0  # numbers the agent gave up on this day: records that never come
    thinned: int = 0  # numbers merged into later ones on this day: nothing is missing but they


class AgentCoverage(Schema):
    """What one agent owed and delivered, of the positions in the person's scope."""

    key: str
    name: str
    branch: str
    total: MinutesOut
    days: list[CoverageDay]
    lost: int  # numbers, of all the days
    thinned: int
    outstanding: int  # numbers between those that have come, now
    waiting: int  # records in its spool when it last sent


class BranchCoverage(Schema):
    """The positions and lines of one branch, by whichever agents: each minute of each once."""

    code: str
    name: str
    total: MinutesOut
    days: list[CoverageDay]
    agents: list[str]


class CoverageReport(Schema):
    at: int
    first: str  # the first and the last day, both included
    last: str
    total: MinutesOut  # of all branches listed
    agents: list[AgentCoverage]
    branches: list[BranchCoverage]
