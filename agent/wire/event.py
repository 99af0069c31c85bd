"""What happened to the agent and its stream."""

from enum import StrEnum

from agent.wire.record import Record


class EventName(StrEnum):
    START = "start"  # the agent began; detail: version, host, python
    GOODBYE = "goodbye"  # the agent ends on purpose; detail: reason
    # Records are sent in the order of their numbers, so what has not come of from..to when one of these two is read,
    # never will; `count` says how many that are. detail: from, to, count, reason; stream, if they are not of this one
    GAP = "gap"  # records were lost
    THINNING = "thinning"  # holds were merged into later ones: nothing is lost but their number
    MEDIA = "mediaInserted"
    # This stream is another than the one before. detail: reason, why (a Break), was (the stream before, or ""); and if
    # it goes on with that one's numbers: from, to, count, which never come in this one, because they count in that one
    NEW_STREAM = "newStream"


class Break(StrEnum):
    """Why a stream is not the one before: `why` of NEW_STREAM. Agents that do not say it had lost what waited."""

    COPY = "copy"  # a copy of the home may have used the numbers: whatever waited goes on, and nothing is lost
    OLDER = "older"  # an older spool was brought back: what was written since, and had not been sent, is lost
    DAMAGED = "damaged"  # so is what waited in a file that cannot be read any more


class Event(Record, frozen=True, kw_only=True, tag="event", omit_defaults=True):
    name: EventName
    position: str | None = None
    detail: dict[str, str | int] = {}
