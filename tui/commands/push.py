"""`branchfleet push` and `branchfleet pushes`: have agents do something now, and see what came of it."""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _

if TYPE_CHECKING:
    from server.schemas.orders import OrderOut, PushCreate, PushOut
    from tui.client import Client

app = typer.Typer(rich_markup_mode=None)
push_app = typer.Typer(
    rich_markup_mode=None,
    help="Have agents do something now, or when it suits.",
    epilog="Example: branchfleet push poll 1001",
)
app.add_typer(push_app, name="push")

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Key = Annotated[str, typer.Argument(help="Key of a position, line, branch or agent.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every branch.")]
Starts = Annotated[
    str, typer.Option(help="Not before this time of the bank, which is to come: 2026-12-01 17:30.", show_default="now")
]
Expires = Annotated[str, typer.Option(help="How long after that it may still be begun, 5s to 30d: 30s, 10m, 8h, 2d.")]
Window = Annotated[str, typer.Option(help="Only in these hours of the bank's day: 17:30-08:00.")]
Reason = Annotated[str, typer.Option(help="Why, for the journal.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the push's number and end; the orders go on.")]


def _kind(what: str, help: str, example: str) -> None:
    """The command that pushes one kind of order."""

    @push_app.command(what, help=help, epilog=f"Example: branchfleet push {example}")
    def command(
        context: typer.Context,
        key: Key = "",
        everything: All = False,
        starts: Starts = "",
        expires: Expires = "2m",
        window: Window = "",
        reason: Reason = "",
        no_wait: NoWait = False,
        json: Json = False,
    ) -> None:
        _push(context, _ask(what, key, everything, starts, expires, window, reason), wait=not no_wait, json=json)


_kind(
    "poll",
    "Poll positions now: one, those of a branch or of an agent, or all. Ends with 12 if not every order was carried "
    "out or a position gave no reading; Ctrl+C ends the waiting and not the orders.",
    "poll 1001/atm-1",
)
_kind(
    "facts",
    "Have PCs tell what they are: names, system, memory, disks, addresses.",
    "facts --all --expires 1d --no-wait",
)
_kind("doctor", "Have agents look themselves over, as branchfleet-agent doctor does.", "doctor 1001-pc")
_kind("spool", "Have agents tell how their spools stand: records that wait, bytes, the oldest.", "spool 1001-pc --json")
_kind("assignment", "Have agents fetch anew what they are to poll.", "assignment 1001-pc")


Number = Annotated[str, typer.Argument(help="The push's number, as branchfleet pushes lists it.", show_default=False)]


@push_app.command(epilog="Example: branchfleet push show 0192f0c1-7d3e-7000-8000-000000000000")
def show(context: typer.Context, uid: Number, json: Json = False) -> None:
    """Show a push and every order of it, those first that were not carried out."""

    async def ask(client: "Client") -> None:
        push = await client.pushed(uid)
        _tell(push, await _orders(client, push), json, client.now())

    answer(context, ask)


@push_app.command(epilog="Example: branchfleet push cancel 0192f0c1-7d3e-7000-8000-000000000000")
def cancel(context: typer.Context, uid: Number) -> None:
    """Have nobody begin it any more. What was begun goes on to its end."""
    from tui.words.push import progress

    async def ask(client: "Client") -> None:
        narrate(progress(await client.cancel_push(uid)))

    answer(context, ask)


@app.command(epilog="Example: branchfleet pushes --about 1001 --json")
def pushes(
    context: typer.Context,
    about: Annotated[str, typer.Option(help="Key of a position, line, branch or agent.")] = "",
    json: Json = False,
) -> None:
    """List what was pushed, the newest first."""
    from tui.commands.listed import all_pages
    from tui.words.push import push_lines

    async def ask(client: "Client") -> None:
        await all_pages(
            lambda offset, limit: client.pushes(about=about or None, offset=offset, limit=limit), push_lines, json
        )

    answer(context, ask)


# -- how it is done ---------------------------------------------------------------------------------


def _ask(what: str, key: str, everything: bool, starts: str, expires: str, window: str, reason: str) -> "PushCreate":
    """What was said, checked here as far as it can be."""
    from pydantic import ValidationError

    from server.schemas.orders import PushCreate
    from tui.plain import plain

    if bool(key) == everything:
        stop(Exit.USAGE, _("Say what it is about: a KEY, or --all."))
    seconds, at = seconds_of(expires), starts_at(starts)
    said = {"what": what, "about": key, "starts": at, "window": window, "reason": reason}
    try:
        return PushCreate.model_validate({**said, "seconds": seconds})
    except ValidationError as error:
        if error.errors()[0]["loc"][0] == "seconds":
            stop(Exit.USAGE, _("--expires {said} is too short or too long: 5s to 30d.").format(said=expires))
        said_wrong = {
            "window": _("--window {said} is not hours of a day: write them as 17:30-08:00.").format(said=plain(window)),
            "reason": _("--reason is too long: 500 characters at most."),
            "about": _("KEY is too long: no key is."),
        }
        stop(Exit.USAGE, said_wrong[str(error.errors()[0]["loc"][0])])


def seconds_of(expires: str) -> int:
    """Of --expires."""
    found = re.fullmatch(r"(\d{1,7})([smhd])", expires)
    if found is None:
        stop(Exit.USAGE, _("--expires {said} is no length of time: 30s, 10m, 8h, 2d.").format(said=expires))
    return int(found[1]) * UNITS[found[2]]


def starts_at(starts: str) -> int | None:
    """Of --starts, in UTC µs; None where it was not said."""
    from tui.words.times import SECOND, ZONE

    try:
        began = datetime.fromisoformat(starts) if starts else None
    except ValueError:
        stop(Exit.USAGE, _("--starts {said} is no time: write it as 2026-12-01 17:30.").format(said=starts))
    return int((began if began.tzinfo else began.replace(tzinfo=ZONE)).timestamp()) * SECOND if began else None


def _push(context: typer.Context, ask: "PushCreate", *, wait: bool, json: bool) -> None:
    """Push, wait with a line of progress, and tell what came of it."""
    from server.schemas.orders import OrderState
    from tui.commands.awaiting import Line, push_and_wait
    from tui.plain import to_json
    from tui.words.push import progress

    made: list[PushOut] = []
    line = Line()

    def show(push: "PushOut") -> None:
        made.append(push)
        line.show(progress(push))

    async def run(client: "Client") -> None:
        if not wait:
            push = await client.push(ask)
            typer.echo(to_json(push.model_dump(mode="json")) if json else push.uid)
            return
        push = await push_and_wait(client, ask, show)
        line.end()
        _tell(push, await _orders(client, push), json, client.now())
        if push.counts.get(OrderState.DONE, 0) < push.total:
            stop(Exit.NOT_ALL)
        if push.unread:
            raise typer.Exit(Exit.NOT_ALL)  # what was told of the readings says it

    try:
        answer(context, run)
    except KeyboardInterrupt:
        line.end()
        if not made:
            stop(Exit.STOPPED, _("Stopped before the server answered: branchfleet pushes says whether it was pushed."))
        stop(Exit.STOPPED, _("Stopped; the orders go on: branchfleet push show {uid}").format(uid=made[0].uid))


async def _orders(client: "Client", push: "PushOut") -> "list[OrderOut]":
    found: list[OrderOut] = []
    while len(found) < push.total:
        page = await client.orders(push.uid, offset=len(found), limit=500)
        if not page.rows:
            break
        found += page.rows
    return found


def _tell(push: "PushOut", orders: "list[OrderOut]", json: bool, now: int) -> None:
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.push import order_lines, progress, readings, what, when

    if json:
        rows = [order.model_dump(mode="json") for order in orders]
        typer.echo(to_json({**push.model_dump(mode="json"), "orders": rows}))
        return
    for line in aligned(order_lines(orders)):
        typer.echo(line)
    narrate(plain(" · ".join(when(push, now))))
    narrate(plain(f"{what(push)} {push.about_name}: {progress(push)}"))
    if push.positions:
        narrate(readings(push))
