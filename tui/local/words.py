"""What this PC's agent says, in words. No drawing: the command uses these too."""

from dataclasses import dataclass

from server.schemas.entries import EntryKind
from tui.local.folder import Local
from tui.local.schema import Entered, Entry, Line, Now, Position, Steps
from tui.plain import plain
from tui.texts import N_, _, language
from tui.words.times import moment, span
from tui.words.values import figure

PLANS = {
    "line": N_("The line is cut"),
    "power": N_("The mains are off"),
    "server": N_("Head office does not answer"),
    "machine": N_("One machine does not serve"),
}
SUSPECTS = {
    "power": N_("A UPS runs on battery: probably a power cut."),
    "line": N_("Nothing of head office answers: probably the line, or head office itself."),
}
# Of the server: by what the agent meets at its address.
SERVER_SUSPECTS = {
    "refused": N_("The server answers and does not let this PC in: call head-office IT."),
    "unable": N_("The line stands, and the server can take nothing now: call head-office IT."),
    "stopped": N_("The line stands, and the server's program does not run: call head-office IT."),
    "": N_("What answers is not our server: call head-office IT."),
}
KEPT_OUT = {
    "quarantine": N_("it is in quarantine, because two programs speak as it (a PC, its disk or its key was copied)"),
    "waiting": N_("head office has still to confirm that this PC takes the place of the one before"),
    "revoked": N_("head office revoked it"),
    "replaced": N_("head office confirmed another PC in its place"),
    "removed": N_("the inventory has it no longer"),
    "unknown": N_("the server does not know its key"),
}
ROLES = {"main": N_("main"), "backup": N_("backup")}
ANSWERED = 90_000_000  # µs; while all is well an agent is answered once a minute at least
ANSWERS = {"power": N_("power cut"), "line": N_("the line is cut"), "closed": N_("switched off")}
WHATS = {EntryKind.TICKET: N_("fault report"), EntryKind.NOTE: N_("note"), EntryKind.ANSWER: N_("telephone")}
STATES = {
    "boxed": N_("left, the agent has still to take it"),
    "waiting": N_("kept here, to be delivered"),
    "delivered": N_("delivered"),
    "refused": N_("not accepted"),
    "lost": N_("no longer kept here"),
}
LOST = N_("Whether it was delivered is not known: ask head office, or enter it again.")


@dataclass(frozen=True)
class Row:
    """Something entered on this PC, and how far it has come."""

    uid: str
    what: EntryKind
    subject: str
    who: str
    said: str
    at: int
    state: str
    why: str = ""


def place(now: Now) -> str:
    return now.branch.name if now.branch else now.agent or _("This PC")


def agent_line(local: Local) -> tuple[str, str]:
    """Level and sentence: whether what follows is of now."""
    if local.fresh:
        return "good", _("this PC's data, {age} ago").format(age=span(local.age or 0))
    if local.age is None:
        return "unknown", _("old: the agent has not run since this PC was started")
    if local.now.ended:
        return "unknown", _("old: the agent was stopped {age} ago").format(age=span(local.age))
    return "unknown", _("old: the agent has said nothing for {age}").format(age=span(local.age))


def server_line(local: Local) -> tuple[str, str]:
    """Level and sentence: how the agent stands with the server."""
    server = local.now.server
    last = moment(server.contact, local.read) if server.contact else _("never")
    if not local.fresh:
        return "unknown", _("Whether the server answers is not known; it did last at {last}.").format(last=last)
    silent = local.now.written.wall + (local.age or 0) - (server.contact or 0)
    if server.state == "here" and silent <= ANSWERED:
        return "good", _("The server answered this PC's agent {age} ago.").format(age=span(max(silent, 0)))
    if server.state == "here":
        return "unknown", _("Whether the server answers is not known; it did last at {last}.").format(last=last)
    if server.state == "asking":
        return "unknown", _("The agent is asking the server for the first time; it answered last at {last}.").format(
            last=last
        )
    if server.state == "refused":
        told = _("The server answers and does not let this PC's agent in: {why}. {n} records wait here, none is lost.")
        why = _(KEPT_OUT[server.kept_out]) if server.kept_out in KEPT_OUT else plain(server.trouble).rstrip(".")
        return "fault", told.format(why=why, n=f"{server.waiting:,}")
    if server.unable:
        told = _("The server answers and can take nothing now; {n} records wait here, and none is lost.")
        return "fault", told.format(n=f"{server.waiting:,}")
    if not server.contact:
        told = _("The server has never answered this PC's agent; {n} records wait here, and none is lost.")
        return "fault", told.format(n=f"{server.waiting:,}")
    length = span(silent)
    told = _("The server has not answered since {last} ({length}); {n} records wait here, and none is lost.")
    return "fault", told.format(last=last, length=length, n=f"{server.waiting:,}")


def suspect_line(local: Local) -> str:
    now = local.now
    if not local.fresh or not now.suspect:
        return ""
    if now.suspect != "server":
        return _(SUSPECTS[now.suspect])
    server = now.server
    met = {"refused": server.state == "refused", "unable": server.unable, "stopped": server.stopped}
    return _(SERVER_SUSPECTS[next((what for what, so in met.items() if so), "")])


def plans(now: Now) -> list[Steps]:
    """That of what is suspected first."""
    return sorted(now.plans, key=lambda steps: steps.key != now.suspect)


def plan_title(key: str) -> str:
    return _(PLANS[key]) if key in PLANS else key


def detail(position: Position) -> str:
    """The gravest word, or why there is none."""
    shown = position.why or position.word
    return shown.of(language())


def numbers(position: Position) -> list[tuple[str, str]]:
    lang = language()
    return [(one.title.of(lang), f"{figure(one.value)} {one.unit}".rstrip()) for one in position.numbers]


def role(line: Line) -> str:
    return _(ROLES[line.role]) if line.role in ROLES else line.role


def names(now: Now) -> dict[str, str]:
    """What each key is called."""
    found = {one.key: one.name for one in now.positions} | {one.key: one.name for one in now.lines}
    return found | ({now.branch.key: now.branch.name} if now.branch else {})


def entered(now: Now, boxed: list[Entry], refused: dict[str, tuple[Entry, str]]) -> list[Row]:
    """All that was entered here, newest first; what the agent has tells more than what lies in the box."""
    rows = {entry.uid: _row(entry, "boxed") for entry in boxed}
    rows |= {uid: _row(entry, "refused", why) for uid, (entry, why) in refused.items()}
    rows |= {one.uid: _told(one) for one in now.entries}
    return sorted(rows.values(), key=lambda row: row.at, reverse=True)


def _row(entry: Entry, state: str, why: str = "") -> Row:
    said = " ".join(filter(None, (_(ANSWERS[entry.answer]) if entry.answer else "", entry.title or entry.text)))
    return Row(entry.uid, entry.what, entry.subject, entry.who, said, entry.wall, state, why)


def _told(one: Entered) -> Row:
    said = " ".join(filter(None, (_(ANSWERS[one.answer]) if one.answer else "", one.said)))
    why = _(LOST) if one.state == "lost" else one.why
    return Row(one.uid, one.what, one.subject, one.who, said, one.at, one.state, why)
