"""Why an order was not done, in words for programs and sentences for people."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from agent.wire import Why
from server.schemas.agents import IdentityStanding
from server.schemas.orders import OrderState
from server.texts import Gettext


class Reason(StrEnum):
    """What the server itself found; what an agent says is a `Why`."""

    NEVER_ENROLLED = "neverEnrolled"
    UNCONFIRMED = "unconfirmed"
    REVOKED = "revoked"
    QUARANTINED = "quarantined"
    UNREACHED = "unreached"
    NOT_ASKED = "notAsked"
    UNANSWERED = "unanswered"
    HINDERED = "hindered"
    FORGOTTEN = "forgotten"
    WITHDRAWN = "withdrawn"


# how an order ends by what its agent says; any other word, also one not known yet, is a failure
ENDS: Final = {
    Why.UNKNOWN: OrderState.REFUSED,
    Why.NOT_MINE: OrderState.REFUSED,
    Why.OFF_WIRE: OrderState.REFUSED,
    Why.LATE: OrderState.EXPIRED,
    Why.CANCELLED: OrderState.CANCELLED,
    Why.STOPPED: OrderState.CANCELLED,
}

BARRED: Final = {
    IdentityStanding.NONE: Reason.NEVER_ENROLLED,
    IdentityStanding.CODE: Reason.NEVER_ENROLLED,
    IdentityStanding.WAITING: Reason.UNCONFIRMED,
    IdentityStanding.REVOKED: Reason.REVOKED,
    IdentityStanding.QUARANTINED: Reason.QUARANTINED,
}

SENTENCES: Final[dict[str, str]] = {
    Why.UNKNOWN: "Its agent is older than this kind of order and does not know it.",
    Why.NOT_MINE: "None of the positions is its agent's any more.",
    Why.LATE: "The agent had it and could not begin it in time.",
    Why.CANCELLED: "It was cancelled before it was begun.",
    Why.OFF_WIRE: "The network is not on its wire: its PC stands in {said}.",
    Why.STOPPED: "It was cancelled while it was under way, and stopped.",
    Why.BUSY: "The agent was sweeping another network.",
    Why.TABLE_UNREAD: "The PC does not let its networks or its table of neighbours be read ({said}).",
    Why.TABLE_FULL: "The PC's table of neighbours was full; the agent stopped.",
    Why.NOT_SENT: "An address could not be asked, and the agent stopped: {said}",
    Why.INTERRUPTED: "The agent ended in the middle of it; it is not begun again.",
    Why.TIME: "It took too long.",
    Why.ERROR: "It failed: {said}",
    Reason.NEVER_ENROLLED: "No PC is enrolled as this agent.",
    Reason.UNCONFIRMED: "Its PC waits for head office to confirm it.",
    Reason.REVOKED: "The agent was revoked: nobody speaks as it.",
    Reason.QUARANTINED: "The agent is in quarantine: two programs spoke as it.",
    Reason.UNREACHED: "The PC was not connected to the server: it has been silent since {since}.",
    Reason.NOT_ASKED: "The PC was connected and its agent asked for no orders: it is older than they are.",
    Reason.UNANSWERED: "It was sent to the agent, which never answered: whether it arrived is not known.",
    Reason.HINDERED: "The disk of the agent is full or cannot be written: it takes no orders.",
    Reason.FORGOTTEN: (
        "The agent had it and does not know it any more: its spool was damaged or put back, or another PC took its "
        "place. Whether it began is not known; it is not begun again."
    ),
    Reason.WITHDRAWN: "It was cancelled by {who}.",
}
NEVER_HEARD = "The PC was never connected to the server."
OTHER = "The agent did not do it: {why}"


def sentence(why: str, _: Gettext, zone: ZoneInfo, *, said: str, heard_at: int | None, who: str) -> str:
    """`said`: the agent's own words; `heard_at`: when it was heard last; `who` withdrew it."""
    if not why:
        return ""
    if why == Reason.UNREACHED and heard_at is None:
        return _(NEVER_HEARD)
    known = SENTENCES.get(why)
    if known is None:
        return _(OTHER).format(why=f"{why} {said}".strip())
    since = f"{datetime.fromtimestamp((heard_at or 0) / 1_000_000, zone):%Y-%m-%d %H:%M}"
    return _(known).format(said=said or "—", since=since, who=who)
