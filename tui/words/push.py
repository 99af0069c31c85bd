"""A push in words: how far it is in one line, and its orders as lines that line up."""

from collections.abc import Iterable, Iterator, Sequence

from server.schemas.campaigns import CampaignOut
from server.schemas.orders import FindingOut, OrderOut, OrderState, PushOut
from tui.texts import N_, _
from tui.words.marks import ORDERS, order_mark, push_mark
from tui.words.times import local, moment

WHATS = {
    "poll": N_("read now"),
    "facts": N_("host facts"),
    "doctor": N_("self-check"),
    "spool": N_("spool"),
    "assignment": N_("fetch assignment"),
    "sweep": N_("sweep of a network"),
}
FIGURES = {
    "waiting": N_("{value} records wait"),
    "oldest": N_("since {value}"),
    "bytes": N_("{value} MB used"),
    "limit": N_("of {value} MB"),
    "days": N_("{value} days at most"),
    "streams": N_("streams: {value}"),
    "prefix": "{value}",
    "of": N_("{value} addresses"),
    "asked": N_("{value} asked"),
    "answered": N_("{value} answered"),
}
NOT_SHOWN = ("polled", "unread", "stream", "upTo")
ENDS = (OrderState.DONE, OrderState.FAILED, OrderState.REFUSED, OrderState.EXPIRED, OrderState.CANCELLED)


def what(push: PushOut) -> str:
    return _(WHATS.get(push.what, push.what))


def progress(push: PushOut) -> str:
    """ "carried out 37/60 · failed 1 · waiting 22": every order is in it."""
    done = f"{ORDERS[OrderState.DONE].title} {push.counts.get(OrderState.DONE, 0)}/{push.total}"
    others = [state for state in (*ENDS[1:], OrderState.HANDED, OrderState.WAITING) if push.counts.get(state)]
    return " · ".join([done, *(f"{ORDERS[state].title} {push.counts[state]}" for state in others)])


def when(push: PushOut | CampaignOut, now: int) -> list[str]:
    """Who began it and when, from when to when it may be done, and whether that is now."""
    said = [_("{who}, {when}").format(who=push.by, when=moment(push.at, now))]
    if push.starts > push.at:
        said.append(_("from {when}").format(when=moment(push.starts, now)))
    if push.window:
        said.append(_("only {window}").format(window=push.window))
    if push.ended_at is not None:
        said.append(_("ended {when}").format(when=moment(push.ended_at, now)))
    else:
        said.append(_("until {when}").format(when=moment(push.expires, now)))
        if push.opens is not None and push.opens > now:
            said.append(_("closed now, opens {when}").format(when=moment(push.opens, now)))
    if push.cancelled_by:
        said.append(_("cancelled by {who}").format(who=push.cancelled_by))
    return [*said, push.reason] if push.reason else said


def readings(push: PushOut) -> str:
    """How many positions were read, or hosts told facts; "" of anything else."""
    return _counted(push.what, push.positions, push.unread) if push.positions else ""


def _counted(what: str, count: int, unread: int) -> str:
    if what == "facts":
        return _("{count} hosts were asked, {unread} of them told nothing.").format(count=count, unread=unread)
    return _("{count} positions were polled, {unread} of them without a reading.").format(count=count, unread=unread)


def told_of(row: OrderOut, what: str) -> list[str]:
    """What came of an order, a line each: the reason first, then what was not well, then figures."""
    lines = [row.why] if row.why else []
    if row.polls:
        lines.append(_counted(what, len(row.polls), sum(1 for why in row.polls.values() if why)))
    lines += [f"{position}: {why}" for position, why in row.polls.items() if why]
    lines += [line for finding in row.findings if (line := _finding(finding))]
    if said := _figures(row.detail):
        lines.append(said)
    return lines


def _figures(detail: dict[str, str | int]) -> str:
    """How an agent's spool stands. What a poll counted is told elsewhere, and what is not known as it came."""
    said = []
    for name, value in detail.items():
        if name in NOT_SHOWN or (name == "oldest" and not value):
            continue
        shown: str | int = value
        if isinstance(value, int) and name == "oldest":
            shown = f"{local(value):%Y-%m-%d %H:%M}"
        elif isinstance(value, int) and name in ("bytes", "limit"):
            shown = f"{value / (1 << 20):.1f}"
        said.append(_(FIGURES[name]).format(value=shown) if name in FIGURES else f"{name} {value}")
    return " · ".join(said)


def _finding(finding: FindingOut) -> str:
    """What a self-check found, unless all is well."""
    if finding.good is True:
        return ""
    shape = "■" if finding.good is False else "○"
    return f"{shape} {finding.sentence} {finding.mend}".rstrip()


def push_lines(rows: Sequence[PushOut], now: int) -> list[list[str]]:
    head = [_("State"), _("When"), _("What"), _("Where"), _("Who"), _("Progress"), _("Number")]
    return [head, *(_push(row, now) for row in rows)]


def _push(row: PushOut, now: int) -> list[str]:
    mark = push_mark(row)
    far = [progress(row)]
    if row.unread:
        far.append(_("{count} without a reading").format(count=row.unread))
    if row.starts > max(row.at, now):
        far.append(_("from {when}").format(when=f"{local(row.starts):%Y-%m-%d %H:%M}"))
    said = [moment(row.at, now), what(row), row.about_name, row.by, " · ".join(far), row.uid]
    return [f"{mark.shape} {mark.title}", *said]


def order_lines(rows: Iterable[OrderOut]) -> list[list[str]]:
    """A line an order, and below it what its agent told that is not well."""
    head = [_("State"), _("Agent"), _("Branch"), _("Ended"), _("What came of it")]
    return [head, *(line for row in rows for line in _order(row))]


def _order(row: OrderOut) -> Iterator[list[str]]:
    mark = order_mark(row)
    ended = f"{local(row.ended_at):%m-%d %H:%M:%S}" if row.ended_at else ""
    yield [f"{mark.shape} {mark.title}", row.agent, row.branch_name, ended, row.why or _figures(row.detail)]
    for position, why in row.polls.items():
        if why:
            yield ["", "", "", "", f"{position}: {why}"]
    for finding in row.findings:
        if line := _finding(finding):
            yield ["", "", "", "", line]
