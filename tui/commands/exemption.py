"""`branchfleet exemptions`, `exempt` and `end-exemption`: who is let be, by whom, what is done instead, until when."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _
from tui.words.verdicts import STANDINGS

if TYPE_CHECKING:
    from server.schemas.exemptions import ExemptionOut
    from tui.client import Client

app = typer.Typer(rich_markup_mode=None)
PAGE = 500


@app.command(epilog="Example: branchfleet exemptions --over --json")
def exemptions(
    context: typer.Context,
    over: Annotated[bool, typer.Option("--over", help="Also those that are over or withdrawn.")] = False,
    json: Json = False,
) -> None:
    """List exemptions, those that end soonest first. What bank.toml says is among them, and ends there only."""
    from tui.commands.listed import aligned
    from tui.plain import to_json

    async def ask(client: "Client") -> None:
        told = await client.exemptions(over=over, limit=PAGE)
        rows = list(told.rows)
        while len(rows) < told.total and (more := (await client.exemptions(over=over, offset=len(rows))).rows):
            rows += more
        if json:
            typer.echo(to_json(told.model_copy(update={"rows": rows}).model_dump(mode="json")))
            return
        head = [
            _("State"),
            _("Until"),
            _("Item checked"),
            _("About"),
            _("Hosts"),
            _("Approver"),
            _("Instead"),
            _("No."),
        ]
        for line in aligned([head, *map(_line, rows)]):
            typer.echo(line)
        narrate(_("{n} exemptions, {soon} end within 30 days.").format(n=told.total, soon=told.soon))

    answer(context, ask)


@app.command(
    epilog="Example: branchfleet exempt antivirus-present 1001 --class atm --approver 李某 "
    "--control 白名单管控 --until 2027-03-31"
)
def exempt(
    context: typer.Context,
    check: Annotated[str, typer.Argument(help="A check, as branchfleet checks lists it.", show_default=False)],
    about: Annotated[str, typer.Argument(help="A host's key, or a branch's code.", show_default=False)],
    approver: Annotated[str, typer.Option(help="Who approves it.", show_default=False)],
    control: Annotated[str, typer.Option(help="What is done instead.", show_default=False)],
    until: Annotated[str, typer.Option(help="Its last day, a year from now at most: 2027-03-31.", show_default=False)],
    cls: Annotated[
        str, typer.Option("--class", help="Of a branch: only positions of this device class; agent: PCs with an agent.")
    ] = "",
) -> None:
    """Let a host be that fails a check, or a branch's hosts with those of the branches below. Head office only.

    It is never counted as pass, and is over by itself when its day is.
    """
    from pydantic import ValidationError

    from server.schemas.exemptions import ExemptionCreate
    from tui.plain import plain

    try:
        day = date.fromisoformat(until)
        ask = ExemptionCreate(check=check, about=about, cls=cls, approver=approver, control=control, until=day)
    except ValidationError as error:
        first = error.errors()[0]
        stop(Exit.USAGE, plain(f"{first['loc'][0]}: {first['msg']}"))
    except ValueError:
        stop(Exit.USAGE, _("{said} is no day: write it as 2027-03-31.").format(said=plain(until)))

    async def send(client: "Client") -> None:
        made = await client.exempt(ask)
        typer.echo(made.uid)
        said = _("{check} of {about}: {hosts} hosts are let be until {until}.")
        narrate(plain(said.format(check=made.title, about=made.about_name, hosts=made.hosts, until=made.until)))

    answer(context, send)


@app.command("end-exemption", epilog="Example: branchfleet end-exemption 019e... --reason 已安装杀毒软件")
def end_exemption(
    context: typer.Context,
    uid: Annotated[str, typer.Argument(help="Its number, as branchfleet exemptions lists it.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why it ends before its day.", show_default=False)],
) -> None:
    """End an exemption before its day. Its hosts are judged at once. Head office only."""

    async def send(client: "Client") -> None:
        await client.end_exemption(uid, reason)

    answer(context, send)


def _line(row: "ExemptionOut") -> list[str]:
    mark = STANDINGS[row.standing]
    about = " ".join(part for part in (row.about, row.cls) if part)
    state = f"{mark.shape} {mark.title}"
    return [state, row.until, row.check, about, str(row.hosts), row.approver, row.control, row.uid or row.by]
