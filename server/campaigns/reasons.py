"""Why a host of a campaign did not answer: one word to count by, and a sentence for people."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from agent.wire import Why
from server.health.titles import reason_title
from server.orders.reasons import Reason, sentence
from server.schemas.campaigns import Undone
from server.schemas.orders import OrderState
from server.texts import Gettext

TITLES: Final[dict[Undone, str]] = {
    Undone.CONNECT_TIMEOUT: "connection timed out",
    Undone.CONNECTION_REFUSED: "connection refused",
    Undone.UNREACHABLE: "no way to it",
    Undone.HOST_KEY_CHANGED: "its host key changed",
    Undone.HOST_KEY_UNCONFIRMED: "its host key is not confirmed",
    Undone.LOGIN_REFUSED: "login refused",
    Undone.RUN_TIMEOUT: "took too long",
    Undone.UNREADABLE_OUTPUT: "what it said cannot be read",
    Undone.NO_PERMISSION: "rights are lacking",
    Undone.NOT_POSTED: "it has not posted",
    Undone.OFF: "off",
    Undone.NO_ANSWER: "no answer",
    Undone.NOT_LET_IN: "nobody may speak as it",
    Undone.TOO_OLD: "agent too old",
    Undone.NOBODY_ASKS: "no agent asks it",
    Undone.CANCELLED: "cancelled by a person",
    Undone.OTHER: "another reason",
}

# words of a driver, as an agent says them of a position
_DRIVER: Final = {
    "connectTimeout": Undone.CONNECT_TIMEOUT,
    "noAnswer": Undone.CONNECT_TIMEOUT,
    "connectionRefused": Undone.CONNECTION_REFUSED,
    "noRoute": Undone.UNREACHABLE,
    "nameUnknown": Undone.UNREACHABLE,
    "hostKeyChanged": Undone.HOST_KEY_CHANGED,
    "hostKeyUnconfirmed": Undone.HOST_KEY_UNCONFIRMED,
    "loginRefused": Undone.LOGIN_REFUSED,
    "wrongSecret": Undone.LOGIN_REFUSED,
    "runTimeout": Undone.RUN_TIMEOUT,
    "unreadableOutput": Undone.UNREADABLE_OUTPUT,
    "badFrame": Undone.UNREADABLE_OUTPUT,
    "tooLong": Undone.UNREADABLE_OUTPUT,
    "noPermission": Undone.NO_PERMISSION,
    "unknownScript": Undone.UNREADABLE_OUTPUT,
    "notPosted": Undone.NOT_POSTED,
}
# how an order ended, as its agent or the server says it
_ORDER: Final = {
    Why.UNKNOWN: Undone.TOO_OLD,
    Why.TIME: Undone.RUN_TIMEOUT,
    Why.LATE: Undone.NO_ANSWER,
    Why.CANCELLED: Undone.CANCELLED,
    Reason.NEVER_ENROLLED: Undone.NOT_LET_IN,
    Reason.UNCONFIRMED: Undone.NOT_LET_IN,
    Reason.REVOKED: Undone.NOT_LET_IN,
    Reason.QUARANTINED: Undone.NOT_LET_IN,
    Reason.UNREACHED: Undone.OFF,
    Reason.NOT_ASKED: Undone.TOO_OLD,
    Reason.UNANSWERED: Undone.NO_ANSWER,
    Reason.WITHDRAWN: Undone.CANCELLED,
}
MORE: Final = ("unknownScript",)  # of a driver's words those that say what to do
NO_FACTS: Final = "noFacts"  # the agent said that it was done, and told nothing new

OFF_WAITING: Final = "off or cut off since {since}; done when it is next on, until {until}"
OFF_ENDED: Final = "off or cut off since {since}; not done in time"
NEVER_WAITING: Final = "never connected to the server; done when it connects, until {until}"
NEVER_ENDED: Final = "never connected to the server; not done in time"
WAITING: Final = "waiting to be asked, until {until}"
AWAITED: Final = "it has told nothing yet; that is awaited until {until}"
HANDED: Final = "asked, its answer is awaited"
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def of_driver(word: str) -> Undone:
    return _DRIVER.get(word, Undone.OTHER)


def of_order(state: str, why: str) -> Undone:
    if state == OrderState.CANCELLED:
        return Undone.CANCELLED
    known: dict[Any, Undone] = dict(_ORDER)
    return known.get(why, Undone.OTHER)


def title(reason: str, _: Gettext) -> str:
    return _(TITLES[Undone(reason)])


def why(
    reason: str, detail: str, _: Gettext, zone: ZoneInfo, lang: str, *, said: str, since: int | None, who: str
) -> str:
    """Of a host that was given up."""
    if reason == Undone.OFF:
        return _(NEVER_ENDED) if since is None else _(OFF_ENDED).format(since=day(since, zone, _))
    if detail == NO_FACTS:
        return _("what it said cannot be read: its agent was done and told nothing new")
    if reason == Undone.NOBODY_ASKS:
        return title(reason, _)
    if detail in set(Why) | set(Reason):
        return sentence(detail, _, zone, said=said, heard_at=since, who=who)
    told = reason_title(detail, lang) if detail else ""
    head = title(reason, _)
    if detail in MORE:
        return _("{reason}: {more}").format(reason=head, more=told)
    return head if not told or told == head or reason != Undone.OTHER else told


def waiting(since: int | None, until: int, _: Gettext, zone: ZoneInfo, *, silent: bool, handed: bool) -> str:
    """Of a host that is still to answer: that it is off since, if it is, what happens then, and until when."""
    ends = day(until, zone, _)
    if silent:
        return (
            _(NEVER_WAITING).format(until=ends)
            if since is None
            else _(OFF_WAITING).format(since=day(since, zone, _), until=ends)
        )
    return _(HANDED) if handed else _(WAITING).format(until=ends)


def awaited(until: int, _: Gettext, zone: ZoneInfo) -> str:
    """Of a host whose agent has no order of it any more: it tells by itself, or what it told is not read yet."""
    return _(AWAITED).format(until=day(until, zone, _))


def day(at: int, zone: ZoneInfo, _: Gettext) -> str:
    """ "11-24（周二）": a weekday alone would be of any week."""
    when = datetime.fromtimestamp(at / 1_000_000, zone)
    return _("{date} ({day})").format(date=f"{when:%m-%d}", day=_(_DAYS[when.weekday()]))
