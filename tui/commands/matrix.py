"""`branchfleet check matrix`, `check hosts` and `check trend`: how many hosts stand how, which, and day by day."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.said import Json, Search, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _
from tui.words.verdicts import FIELDS, SHAPES, WORDS, counted

if TYPE_CHECKING:
    from server.schemas.matrix import CountsOut, HostPage, HostRow
    from tui.client import Client, HostQuery

app = typer.Typer(rich_markup_mode=None)
Check = Annotated[str, typer.Option("--check", help="Only this check.")]
Branch = Annotated[str, typer.Option("--branch", help="A branch's code.")]
PAGE = 500


@app.command(epilog="Example: branchfleet check matrix --json")
def matrix(context: typer.Context, check: Check = "", json: Json = False) -> None:
    """Count the hosts of every branch by each check: pass, fail, not known, does not apply, exempt.

    The five add up to all hosts. Who never told anything, or too long ago, is not known, and counts as nothing else.
    """
    from tui.commands.listed import aligned
    from tui.plain import to_json

    async def ask(client: "Client") -> None:
        told = await client.matrix(check=check or None, limit=PAGE)
        rows = list(told.rows)
        while len(rows) < told.total and (more := (await client.matrix(check=check or None, offset=len(rows))).rows):
            rows += more
        if json:
            typer.echo(to_json(told.model_copy(update={"rows": rows}).model_dump(mode="json")))
            return
        head = [_("Branch"), _("Name"), _("Item checked"), *_heads()]
        lines = [
            [row.code, row.name, one.check, *_figures(counts)]
            for row in rows
            for one, counts in zip(told.checks, row.counts, strict=True)
        ]
        sums = [[_("sum"), "", one.check, *_figures(one.counts)] for one in told.checks]
        for line in aligned([head, *lines, *sums]):
            typer.echo(line)
        said = _("{hosts} hosts, {heard} of them ever told anything.")
        narrate(said.format(hosts=f"{told.hosts:,}", heard=f"{told.heard:,}"))

    answer(context, ask)


@app.command(epilog="Example: branchfleet check hosts --check antivirus-library-7 --word fail --word unknown")
def hosts(
    context: typer.Context,
    branch: Branch = "",
    check: Check = "",
    word: Annotated[
        list[str] | None, typer.Option(help="pass, fail, unknown, not_applicable, exempt; repeatable.")
    ] = None,
    q: Search = "",
    xlsx: Annotated[Path | None, typer.Option(help="Write an Excel file instead.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List hosts by checks, and why each that is not well is so. With --xlsx as a file to print and sign.

    --word is that by --check, or by any check.
    """
    from tui.client import HostQuery

    wrong = next((one for one in word or () if one not in WORDS), None)
    if wrong is not None:
        stop(Exit.USAGE, _("{word}: no such verdict. There are: {known}").format(word=wrong, known=", ".join(WORDS)))
    query = HostQuery(branch=branch or None, check=check or None, word=tuple(word or ()), q=q)

    async def ask(client: "Client") -> None:
        if xlsx is not None:
            await _export(client, query, xlsx)
        else:
            await _list(client, query, json)

    answer(context, ask)


async def _list(client: "Client", query: "HostQuery", json: bool) -> None:
    from tui.commands.listed import aligned
    from tui.plain import to_json

    told = await client.hosts(query, limit=PAGE)
    rows = list(told.rows)
    while len(rows) < told.total and (more := (await client.hosts(query, offset=len(rows), limit=PAGE)).rows):
        rows += more
    if json:
        typer.echo(to_json(told.model_copy(update={"rows": rows}).model_dump(mode="json")))
        return
    head = [_("Branch"), _("Host"), _("Item checked"), _("Verdict"), _("Told"), _("What it rests on")]
    for line in aligned([head, *_host_lines(told, rows, query.word)]):
        typer.echo(line)
    narrate(_("{n} hosts").format(n=f"{told.total:,}"))
    for one in told.checks:
        narrate(f"{one.check}: {counted(one.counts)}")


def _host_lines(told: "HostPage", rows: "Sequence[HostRow]", words: Sequence[str]) -> list[list[str]]:
    from tui.plain import plain
    from tui.words.times import ago

    return [
        [
            row.branch,
            row.host,
            one.check,
            f"{SHAPES[cell.word]} {_(WORDS[cell.word])}",
            ago(cell.at, told.at),
            plain(cell.why),
        ]
        for row in rows
        for one, cell in zip(told.checks, row.cells, strict=True)
        if not words or cell.word in words
    ]


async def _export(client: "Client", query: "HostQuery", path: Path) -> None:
    from tui.files import CannotWrite, Exists, write

    path = path if path.suffix == ".xlsx" else path.with_name(f"{path.name}.xlsx")
    try:
        async with client.verdicts_export(query) as download:
            size = await write(path, download.chunks, force=False, progress=lambda _done: None)
    except Exists:
        stop(Exit.BAD_FILE, _("{path} is there already.").format(path=path))
    except CannotWrite as error:
        stop(Exit.CANNOT_WRITE, _("The file cannot be written: {why}").format(why=error))
    said = _("{path} is written: {size} bytes, {hosts} hosts.")
    narrate(said.format(path=path, size=f"{size:,}", hosts=download.rows))


@app.command(epilog="Example: branchfleet check trend antivirus-library-7 --days 30 --json")
def trend(
    context: typer.Context,
    check: Annotated[str, typer.Argument(help="A check, as branchfleet checks lists it.", show_default=False)],
    branch: Branch = "",
    days: Annotated[int, typer.Option(min=1, max=3660, help="How far back.")] = 90,
    json: Json = False,
) -> None:
    """Show how many hosts stood how by a check, day by day. Today is counted now; a day nobody counted has no line."""
    from tui.commands.listed import aligned
    from tui.plain import to_json

    async def ask(client: "Client") -> None:
        told = await client.trend(check, branch=branch or None, days=days)
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
            return
        for line in aligned([[_("Day"), *_heads()], *([one.day, *_figures(one.counts)] for one in told.days)]):
            typer.echo(line)

    answer(context, ask)


def _heads() -> list[str]:
    return [_(word) for word in WORDS.values()]


def _figures(counts: "CountsOut") -> list[str]:
    return [f"{getattr(counts, field):,}" for field in FIELDS.values()]
