"""`branchfleet network sweep`: ask for a sweep of a network, approve or refuse another's, see and cancel them."""

from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.push import Starts, Window, seconds_of, starts_at
from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _

if TYPE_CHECKING:
    from server.schemas.sweeps import SweepCreate, SweepOut
    from tui.client import Client

sweep_app = typer.Typer(
    rich_markup_mode=None,
    help="Sweep a network: one of head office asks, another approves, and an agent asks address by address by ARP.",
    epilog="Example: branchfleet network sweep ask 10.1.1.0/24",
    no_args_is_help=True,
)

Uid = Annotated[str, typer.Argument(help="Its number, as branchfleet network sweep list says it.", show_default=False)]


@sweep_app.command(epilog="Example: branchfleet network sweep ask 10.1.1.0/24 --window 18:00-06:00 --reason 查私接设备")
def ask(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(help="10.1.1.0/24; a /22 at most.", show_default=False)],
    agent: Annotated[str, typer.Option(help="Who is to ask; without it one that told of that network.")] = "",
    rate: Annotated[int, typer.Option(min=1, max=4, help="Addresses a second.")] = 2,
    starts: Starts = "",
    expires: Annotated[str, typer.Option(help="How long after that it lapses, 1m to 30d: 10m, 8h, 2d.")] = "1d",
    window: Window = "",
    reason: Annotated[str, typer.Option(help="Why, for who approves it and for the journal.")] = "",
    json: Json = False,
) -> None:
    """Ask for a sweep. Nothing is sent before another person of head office approves it. Head office only."""
    from tui.plain import plain, to_json
    from tui.words.sweep import plan, remark

    wanted = _asked(prefix, agent, rate, starts, expires, window, reason)

    async def send(client: "Client") -> None:
        made = await client.ask_sweep(wanted)
        typer.echo(to_json(made.model_dump(mode="json")) if json else made.uid)
        narrate(plain(plan(made)))
        narrate(plain(remark(made, made.at)))

    answer(context, send)


@sweep_app.command("list", epilog="Example: branchfleet network sweep list --branch 1001")
def list_(
    context: typer.Context,
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    json: Json = False,
) -> None:
    """List sweeps: those that wait for approval first, then the newest, with how far they are."""
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.sweep import STATES, progress, remark, who
    from tui.words.times import moment

    async def look(client: "Client") -> None:
        page = await client.sweeps(branch=branch or None, limit=limit)
        if json:
            typer.echo(to_json(page.model_dump(mode="json")))
            return
        head = [_("State"), _("Network"), _("Agent"), _("Asked → approved"), _("When"), _("Progress"), _("Remark")]
        rows = [
            [f"{STATES[row.state].shape} {STATES[row.state].title}", row.prefix, row.agent, who(row),
             moment(row.ended_at or row.at, page.at), progress(row), remark(row, page.at), row.uid]
            for row in page.rows
        ]  # fmt: skip
        for line in aligned([[*head, _("No.")], *([plain(cell) for cell in row] for row in rows)]):
            typer.echo(line)
        narrate(
            _("{shown} of {total} sweeps, {waiting} wait for approval").format(
                shown=len(rows), total=page.total, waiting=page.waiting
            )
        )

    answer(context, look)


@sweep_app.command(epilog="Example: branchfleet network sweep approve 019e...")
def approve(context: typer.Context, uid: Uid) -> None:
    """Approve what another person asked for: its agent begins within its time and hours. Head office only."""

    async def send(client: "Client") -> None:
        _said(await client.approve_sweep(uid))

    answer(context, send)


@sweep_app.command(epilog="Example: branchfleet network sweep refuse 019e... --reason 营业时间不扫")
def refuse(
    context: typer.Context,
    uid: Uid,
    reason: Annotated[str, typer.Option(help="Why not.", show_default=False)],
) -> None:
    """Refuse what another person asked for. Head office only."""
    from server.schemas.sweeps import SweepRefuse

    if not 0 < len(reason) <= 500:
        stop(Exit.USAGE, _("Say why in 1 to 500 characters."))

    async def send(client: "Client") -> None:
        _said(await client.refuse_sweep(uid, SweepRefuse(reason=reason)))

    answer(context, send)


@sweep_app.command(epilog="Example: branchfleet network sweep cancel 019e...")
def cancel(context: typer.Context, uid: Uid) -> None:
    """Cancel a sweep, also one that is under way: its agent stops within seconds of hearing it. Head office only."""

    async def send(client: "Client") -> None:
        _said(await client.cancel_sweep(uid))

    answer(context, send)


def _said(row: "SweepOut") -> None:
    from tui.plain import plain
    from tui.words.sweep import STATES, plan

    narrate(plain(f"{STATES[row.state].title}: {plan(row)}"))


def _asked(prefix: str, agent: str, rate: int, starts: str, expires: str, window: str, reason: str) -> "SweepCreate":
    from pydantic import ValidationError

    from server.schemas.sweeps import SweepCreate
    from tui.plain import plain

    said = {"prefix": prefix, "agent": agent, "rate": rate, "window": window, "reason": reason}
    try:
        return SweepCreate.model_validate({**said, "starts": starts_at(starts), "seconds": seconds_of(expires)})
    except ValidationError as error:
        wrong = {
            "seconds": _("--expires {said} is too short or too long: 1m to 30d.").format(said=plain(expires)),
            "window": _("--window {said} is not hours of a day: write them as 17:30-08:00.").format(said=plain(window)),
            "reason": _("--reason is too long: 500 characters at most."),
            "agent": _("KEY is too long: no key is."),
        }
        first = str(error.errors()[0]["loc"][0])
        stop(
            Exit.USAGE,
            wrong.get(first, _("{said} is no network: write it as 10.1.1.0/24.").format(said=plain(prefix[:40]))),
        )
