"""How a state looks: shape, word and colour together, never colour alone."""

from dataclasses import dataclass
from typing import Literal

from server.schemas.agents import IdentityStanding
from server.schemas.orders import OrderOut, OrderState, PushOut
from server.schemas.standing import Standing
from server.schemas.tickets import TicketStatus
from tui.texts import N_, _

Ink = Literal["good", "attention", "fault", "unknown", "idle", "plain", "dim"]


@dataclass(frozen=True)
class Mark:
    """`ink` names a colour of the theme (`$ink-fault`)."""

    shape: str
    word: str
    ink: Ink

    @property
    def title(self) -> str:
        return _(self.word)


STANDINGS: dict[Standing, Mark] = {
    Standing.GOOD: Mark("●", N_("good"), "good"),
    Standing.ATTENTION: Mark("▲", N_("attention"), "attention"),
    Standing.FAULT: Mark("■", N_("fault"), "fault"),
    Standing.IN_USE: Mark("◇", N_("in use"), "idle"),
    Standing.CLOSED: Mark("◇", N_("closed"), "idle"),
    Standing.UNKNOWN: Mark("○", N_("unknown"), "unknown"),
    Standing.STALE: Mark("○", N_("stale"), "unknown"),
    Standing.NEVER: Mark("○", N_("no report"), "unknown"),
    Standing.UNPOLLED: Mark("○", N_("not polled"), "unknown"),
}

LEVELS: dict[str, Mark] = {
    "good": Mark("●", N_("good"), "good"),
    "attention": Mark("▲", N_("attention"), "attention"),
    "fault": Mark("■", N_("fault"), "fault"),
    "unknown": Mark("○", N_("unknown"), "unknown"),
    "plain": Mark(" ", "", "plain"),
}

TICKETS: dict[TicketStatus, Mark] = {
    TicketStatus.NEW: Mark("■", N_("new"), "fault"),
    TicketStatus.ACCEPTED: Mark("▲", N_("accepted"), "attention"),
    TicketStatus.IN_PROGRESS: Mark("▲", N_("in progress"), "attention"),
    TicketStatus.DONE: Mark("●", N_("done"), "good"),
}

ORDERS: dict[OrderState, Mark] = {
    OrderState.WAITING: Mark("○", N_("waiting"), "unknown"),
    OrderState.HANDED: Mark("◇", N_("handed over"), "idle"),
    OrderState.DONE: Mark("●", N_("carried out"), "good"),
    OrderState.FAILED: Mark("■", N_("failed"), "fault"),
    OrderState.REFUSED: Mark("■", N_("refused"), "fault"),
    OrderState.EXPIRED: Mark("▲", N_("expired"), "attention"),
    OrderState.CANCELLED: Mark("◇", N_("cancelled"), "idle"),
}

PUSHES = {
    "under way": Mark("◇", N_("under way"), "idle"),
    "done": Mark("●", N_("all done"), "good"),
    "not all": Mark("▲", N_("not all"), "attention"),
}


def order_mark(row: OrderOut) -> Mark:
    """One that was carried out, and where a position gave nothing is not all of it."""
    done_in_part = row.state is OrderState.DONE and any(row.polls.values())
    return PUSHES["not all"] if done_in_part else ORDERS[row.state]


def push_mark(push: PushOut) -> Mark:
    """What was done to the last order is good; a poll in which a device gave no reading is not all of it."""
    if push.ended_at is None:
        return PUSHES["under way"]
    return PUSHES["done" if push.counts.get(OrderState.DONE, 0) == push.total and not push.unread else "not all"]


IDENTITIES: dict[IdentityStanding, Mark] = {
    IdentityStanding.NONE: Mark("○", N_("not enrolled"), "unknown"),
    IdentityStanding.CODE: Mark("○", N_("code given out"), "unknown"),
    IdentityStanding.ENROLLED: Mark("●", N_("enrolled"), "good"),
    IdentityStanding.WAITING: Mark("▲", N_("to be confirmed"), "attention"),
    IdentityStanding.QUARANTINED: Mark("■", N_("in quarantine"), "fault"),
    IdentityStanding.REVOKED: Mark("◇", N_("revoked"), "idle"),
}
