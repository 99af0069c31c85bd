"""现在读一次: a key that has agents poll at once, and opens the push's page."""

from textual.worker import WorkerState

from server.schemas.orders import PushCreate
from server.schemas.people import Role
from tui.screens.choose import Choice, Choose
from tui.shell import Shell
from tui.texts import N_, _

GROUP = "push"
LASTS = (
    (120, N_("2 minutes: whoever is online now")),
    (3600, N_("1 hour")),
    (12 * 3600, N_("12 hours: PCs that are switched on by then")),
)
SHORT = LASTS[0][0]  # seconds


def may_push(shell: Shell, about: str) -> bool:
    """Head office pushes anything, a branch what is its own; an auditor looks."""
    role = shell.person.role if shell.person else None
    return role is Role.HEAD or (role is Role.BRANCH and about != "")


def read_now(shell: Shell, about: str, name: str, *, many: bool) -> None:
    """Have `about` polled now; of `many` agents a person says how long those that are away may take."""
    if not many:
        _push(shell, PushCreate(what="poll", about=about, seconds=SHORT))
        return
    choices = [Choice(str(seconds), _(title)) for seconds, title in LASTS]

    def chosen(seconds: str | None) -> None:
        if seconds is not None:
            _push(shell, PushCreate(what="poll", about=about, seconds=int(seconds)))

    shell.push_screen(Choose(_("Read now: {name}. For how long?").format(name=name), choices), chosen)


def ask_facts(shell: Shell, agent: str) -> None:
    """Have that agent's PC tell what it is now."""
    _push(shell, PushCreate(what="facts", about=agent, seconds=SHORT))


def _push(shell: Shell, ask: PushCreate) -> None:
    """A second press while the first is not answered is the same deed."""
    if not any(worker.group == GROUP and worker.state is WorkerState.RUNNING for worker in shell.workers):
        shell.run_worker(_pushed(shell, ask), group=GROUP)


async def _pushed(shell: Shell, ask: PushCreate) -> None:
    made = await shell.do(shell.client.push(ask))
    if made is not None:
        shell.open(f"pushes/{made.uid}")
