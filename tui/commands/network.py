"""`branchfleet network`: the wire against the ledger, by what switches, routers and PCs remember."""

from typing import TYPE_CHECKING, Annotated

import typer

from server.schemas.network import NetworkList
from tui.commands.exporting import Force, Output, save
from tui.commands.said import Json, answer, narrate
from tui.commands.sweep import sweep_app
from tui.texts import _

if TYPE_CHECKING:
    from tui.client import Client

app = typer.Typer(rich_markup_mode=None)
network_app = typer.Typer(
    rich_markup_mode=None, epilog="Example: branchfleet network strangers --branch 1001", no_args_is_help=True
)
app.add_typer(network_app, name="network")
network_app.add_typer(sweep_app, name="sweep")

Branch = Annotated[str, typer.Option(help="A branch's code.")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="How many, the worst first.")]


@network_app.callback()
def network() -> None:
    """Who is on the wire and who is in the ledger. Nothing is sent to find out, but for a sweep that was approved."""


@network_app.command(epilog="Example: branchfleet network strangers --all --json")
def strangers(
    context: typer.Context,
    branch: Branch = "",
    every: Annotated[bool, typer.Option("--all", help="Also made-up and shared MACs, and routers.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List who was on the wire within the week and is not in the ledger: where, since when, whose address it uses."""
    _list(context, NetworkList.STRANGERS, branch, limit, json, every)


@network_app.command(epilog="Example: branchfleet network missing --branch 1001")
def missing(context: typer.Context, branch: Branch = "", limit: Limit = 100, json: Json = False) -> None:
    """List who is in the ledger and was not on the wire for a week, with when it was seen last.

    Where nobody told of a branch in two days, its machines are not missing: nobody looked.
    """
    _list(context, NetworkList.MISSING, branch, limit, json)


@network_app.command(epilog="Example: branchfleet network antivirus")
def antivirus(context: typer.Context, branch: Branch = "", limit: Limit = 100, json: Json = False) -> None:
    """List the hosts that are on the wire and have no antivirus, or of whose antivirus nothing is known."""
    _list(context, NetworkList.ANTIVIRUS, branch, limit, json)


@network_app.command(epilog="Example: branchfleet network coverage")
def coverage(context: typer.Context, limit: Limit = 500, json: Json = False) -> None:
    """List who tells of the wire, how old that is and what it left out; and how many addresses are in use."""
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.security import WHY
    from tui.words.sweep import coverage_lines
    from tui.words.times import ago

    async def ask(client: "Client") -> None:
        told = await client.network_coverage(limit=limit)
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
            return
        head = [_("Teller"), _("Branch"), _("Table"), _("Data"), _("Lines"), _("Left out"), _("Why not")]
        tables = {"neighbours": _("addresses"), "stations": _("ports")}
        rows = [
            [row.key, row.branch_name, tables.get(row.topic, row.topic), ago(row.at, told.at),
             str(row.lines), str(row.left_out or ""), _(WHY[row.why]) if row.why in WHY else row.why]
            for row in told.rows
        ]  # fmt: skip
        for line in aligned([head, *([plain(cell) for cell in row] for row in rows)]):
            typer.echo(line)
        if told.segments:
            head = [_("Network"), _("Zone"), _("Branch"), _("Addresses seen")]
            nets = [[one.prefix, one.zone, one.branch, str(one.seen)] for one in told.segments]
            typer.echo("")
            for line in aligned([head, *([plain(cell) for cell in row] for row in nets)]):
                typer.echo(line)
        if told.sweeps:
            typer.echo("")
            for line in aligned([[plain(cell) for cell in row] for row in coverage_lines(told)]):
                typer.echo(line)
        narrate(_("{shown} of {total} tables").format(shown=len(told.rows), total=told.total))

    answer(context, ask)


@network_app.command(epilog="Example: branchfleet network export -o 网络比对.xlsx")
def export(context: typer.Context, output: Output, branch: Branch = "", force: Force = False) -> None:
    """Write the three lists to an Excel file: whole or not at all. The export is in the journal."""

    async def ask(client: "Client") -> None:
        await save(client, "/api/network/export", output, force, branch=branch or None)

    answer(context, ask)


def _list(context: typer.Context, which: NetworkList, branch: str, limit: int, json: bool, every: bool = False) -> None:
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.network import SORTS, addresses, counted, covered, pending, where, who
    from tui.words.times import ago

    async def ask(client: "Client") -> None:
        page = await client.network(which, branch=branch or None, every=every, limit=limit)
        if json:
            typer.echo(to_json(page.model_dump(mode="json")))
            return
        head = [
            _("What"),
            _("Branch"),
            _("Who it is"),
            _("MAC"),
            _("Address"),
            _("Network"),
            _("Where"),
            _("Last seen"),
        ]
        rows = [
            [
                f"{SORTS[row.sort].shape} {SORTS[row.sort].title}",
                row.branch_name,
                who(row),
                row.mac,
                addresses(row),
                row.segment,
                where(row),
                ago(row.last_at, page.at) if row.last_at is not None else _("never"),
            ]
            for row in page.rows
        ]
        for line in aligned([head, *([plain(cell) for cell in row] for row in rows)]):
            typer.echo(line)
        narrate(
            _("{shown} of {total} rows · {what}").format(
                shown=len(page.rows), total=page.total, what=counted(page, which)
            )
        )
        narrate(" · ".join(one for one in (covered(page), pending(page)) if one))

    answer(context, ask)
