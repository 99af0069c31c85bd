"""A sweep in words, for its screen and its command: how it stands, how far it is, and who answers for it."""

from server.schemas.network import CoverageOut
from server.schemas.sweeps import SweepOut, SweepState
from tui.texts import N_, _
from tui.words.marks import Mark
from tui.words.times import ago, moment

STATES: dict[SweepState, Mark] = {
    SweepState.ASKED: Mark("▲", N_("to be approved"), "attention"),
    SweepState.REFUSED: Mark("◇", N_("not approved"), "dim"),
    SweepState.LAPSED: Mark("◇", N_("lapsed"), "dim"),
    SweepState.APPROVED: Mark("○", N_("approved"), "plain"),
    SweepState.RUNNING: Mark("▶", N_("sweeping"), "plain"),
    SweepState.DONE: Mark("●", N_("swept"), "good"),
    SweepState.FAILED: Mark("■", N_("broke off"), "fault"),
    SweepState.EXPIRED: Mark("■", N_("not begun"), "attention"),
    SweepState.UNANSWERED: Mark("▲", N_("no word"), "attention"),
    SweepState.DECLINED: Mark("■", N_("agent declined"), "fault"),
    SweepState.STOPPING: Mark("▲", N_("cancelling"), "attention"),
    SweepState.CANCELLED: Mark("◇", N_("cancelled"), "dim"),
}
RATES = ("2", "1", "4")  # addresses a second; the first is usual


def progress(row: SweepOut) -> str:
    """How many addresses were asked, and how many answered; before that how long it would take."""
    if row.of:
        return _("{asked}/{of} asked, {answered} answered").format(asked=row.asked, of=row.of, answered=row.answered)
    return _("{n} addresses, {minutes} min").format(n=f"{row.addresses:,}", minutes=-(-row.takes // 60))


def who(row: SweepOut) -> str:
    """Who asked, and who approved or refused."""
    return f"{row.by} → {row.decided_by or '?'}"


def remark(row: SweepOut, now: int) -> str:
    """What a person has to know of it: why not, or what it waits for; then why it was asked for."""
    said = [row.why] if row.why else []
    if row.state is SweepState.ASKED:
        if not row.approvers:
            said.append(_("nobody may approve it: add a second account of head office"))
        if row.on_wire is False:
            said.append(_("its PC told of other networks"))
        said.append(_("lapses {when}").format(when=moment(row.expires, now)))
    if row.opens is not None:
        said.append(_("from {when}").format(when=moment(row.opens, now)))
    if row.window and row.ended_at is None:
        said.append(_("only {window}").format(window=row.window))
    return " · ".join([*said, row.reason] if row.reason else said)


def plan(row: SweepOut) -> str:
    """What would be done, in one line."""
    return _("{agent} asks {prefix}: {n} addresses, {rate} a second, {minutes} min").format(
        agent=row.agent, prefix=row.prefix, n=f"{row.addresses:,}", rate=row.rate, minutes=-(-row.takes // 60)
    )


def coverage_lines(told: CoverageOut) -> list[list[str]]:
    """Which network was swept when, by whose approval, and what came of it."""
    head = [_("Network"), _("Branch"), _("State"), _("Ended"), _("Agent"), _("Asked → approved"), _("Progress")]
    rows = []
    for row in told.sweeps:
        ended = ago(row.ended_at or row.at, told.at)
        rows.append([row.prefix, row.branch_name, STATES[row.state].title, ended, row.agent, who(row), progress(row)])
    return [head, *rows]
