"""What scripts ask: devices, tickets, entries, coverage, the ledger as a file; and what they may tell.

stdout is data, stderr narrates.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from tui.commands.said import Json, Search, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _

Word = TypeVar("Word", bound=StrEnum)

app = typer.Typer(rich_markup_mode=None)
ledger_app = typer.Typer(
    rich_markup_mode=None,
    help="The register of machines.",
    epilog="Example: branchfleet ledger export --format xlsx -o 台账.xlsx",
)
app.add_typer(ledger_app, name="ledger")


def _words(said: Sequence[str], kind: type[Word], unknown: str) -> tuple[Word, ...]:
    """What was said, as words of `kind`; one that is none of them ends the command with the sentence `unknown`."""
    known = [word.value for word in kind]
    for word in said:
        if word not in known:
            stop(Exit.USAGE, unknown.format(word=word, known=", ".join(known)))
    return tuple(map(kind, said))


@app.command(epilog="Example: branchfleet devices --standing fault --branch 1001 --json")
def devices(
    context: typer.Context,
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    standing: Annotated[
        list[str] | None,
        typer.Option(help="good, attention, fault, inUse, unknown, stale, never, closed, unpolled; repeatable."),
    ] = None,
    q: Search = "",
    json: Json = False,
) -> None:
    """List devices, the worst first."""
    from server.schemas.standing import Standing
    from tui.client import Client, PositionQuery
    from tui.commands.listed import all_pages, device_lines

    words = _words(standing or (), Standing, _("{word}: no such standing. There are: {known}"))
    query = PositionQuery(q=q, branch=branch or None, standing=words)

    async def ask(client: Client) -> None:
        await all_pages(lambda offset, limit: client.positions(query, offset=offset, limit=limit), device_lines, json)

    answer(context, ask)


@app.command(epilog="Example: branchfleet tickets --status new --status accepted")
def tickets(
    context: typer.Context,
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    status: Annotated[list[str] | None, typer.Option(help="new, accepted, inProgress, done; repeatable.")] = None,
    q: Search = "",
    json: Json = False,
) -> None:
    """List tickets, the newest first."""
    from server.schemas.tickets import TicketStatus
    from tui.client import Client, TicketQuery
    from tui.commands.listed import all_pages, ticket_lines

    words = _words(status or (), TicketStatus, _("{word}: no such status. There are: {known}"))
    query = TicketQuery(q=q, branch=branch or None, status=words)

    async def ask(client: Client) -> None:
        await all_pages(lambda offset, limit: client.tickets(query, offset=offset, limit=limit), ticket_lines, json)

    answer(context, ask)


@app.command(epilog="Example: branchfleet entries --branch 1001")
def entries(
    context: typer.Context,
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    json: Json = False,
) -> None:
    """List what branches entered while the server was away, the newest first."""
    from tui.client import Client
    from tui.commands.listed import all_pages, entry_lines

    async def ask(client: Client) -> None:
        await all_pages(
            lambda offset, limit: client.entries(branch=branch or None, offset=offset, limit=limit), entry_lines, json
        )

    answer(context, ask)


@app.command(epilog="Example: branchfleet told 1001 power")
def told(
    context: typer.Context,
    branch: Annotated[str, typer.Argument(help="A branch's code.")],
    word: Annotated[
        str,
        typer.Argument(metavar="ANSWER", help="power (the mains are off), line (it is cut), closed (switched off)."),
    ],
    text: Annotated[str, typer.Option(help="Whom you spoke with, and what else was said.")] = "",
) -> None:
    """Note what was said on the telephone of a silent branch: the cause shown until something says otherwise.

    While an agent of the branch is heard nothing is noted: the command says since when, and ends with 6.
    """
    from server.schemas.entries import KEY, TEXT, Answer, AnswerCreate
    from tui.client import Client
    from tui.local.words import ANSWERS
    from tui.plain import plain

    (said,) = _words([word], Answer, _("{word}: no such answer. There are: {known}"))
    if len(text) > TEXT:
        told = _("--text is {count} characters long, {most} at most; nothing was noted.")
        stop(Exit.USAGE, told.format(count=len(text), most=TEXT))
    if not 0 < len(branch) <= KEY:
        stop(Exit.NO_SUCH_THING, _("There is no branch {code}.").format(code=plain(branch[:KEY])))

    async def ask(client: Client) -> None:
        made = await client.told(AnswerCreate(branch=branch, answer=said, text=text))
        narrate(f"{made.branch}: {_(ANSWERS[made.answer])} ({made.who})")
        if made.hint:
            narrate(plain(made.hint))

    answer(context, ask)


@app.command(epilog="Example: branchfleet coverage --branch 1001 --from 2026-11-01 --to 2026-11-30 --json")
def coverage(
    context: typer.Context,
    agent: Annotated[str, typer.Option(help="An agent's key.")] = "",
    branch: Annotated[str, typer.Option(help="A branch's code: its positions, by whichever agent.")] = "",
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day.")] = None,
    json: Json = False,
) -> None:
    """Say what was due, what is attested and why the rest is missing, in position-minutes, by agent and day.

    The last seven days where no day is named; 92 days at most.
    """
    from server.schemas.coverage import AgentCoverage, BranchCoverage
    from tui.client import Client
    from tui.commands.listed import aligned, coverage_lines
    from tui.plain import to_json
    from tui.words.values import minutes

    async def ask(client: Client) -> None:
        report = await client.coverage(
            agent=agent or None, branch=branch or None, first=first and first.date(), last=last and last.date()
        )
        if json:
            typer.echo(to_json(report.model_dump(mode="json")))
            return
        rows: Sequence[AgentCoverage | BranchCoverage] = report.branches if branch else report.agents
        for line in aligned(coverage_lines(rows)):
            typer.echo(line)
        narrate(f"{report.first} … {report.last}: {minutes(report.total)}")

    answer(context, ask)


@ledger_app.command(epilog="Example: branchfleet ledger export --format csv -o - | head")
def export(
    context: typer.Context,
    output: Annotated[str, typer.Option("-o", "--output", help="The file; - is stdout, for csv and json.")],
    format: Annotated[str, typer.Option(help="xlsx, csv or json; else by the file's name.", show_default=False)] = "",
    q: Search = "",
    branch: Annotated[str, typer.Option(help="A branch's code.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write the ledger to a file: whole or not at all."""
    from tui.client import Client, LedgerQuery
    from tui.files import CannotWrite, Exists, write
    from tui.words.values import watched

    chosen = format or Path(output).suffix.removeprefix(".")
    if chosen not in ("xlsx", "csv", "json"):
        stop(Exit.USAGE, _("Say --format xlsx, csv or json."))
    if output == "-" and chosen == "xlsx":
        stop(Exit.USAGE, _("An Excel file is not for the screen: give -o a file name."))
    query = LedgerQuery(q=q, branch=branch or None)

    async def ask(client: Client) -> None:
        async with client.ledger_export(query, chosen) as download:
            if output == "-":
                async for chunk in download.chunks:
                    sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
                narrate(watched(download.rows, download.watched))
                return
            try:
                size = await write(Path(output), download.chunks, force=force, progress=lambda _done: None)
            except Exists:
                stop(Exit.CANNOT_WRITE, _("{path} is there already; --force replaces it.").format(path=output))
            except CannotWrite as error:
                stop(Exit.CANNOT_WRITE, _("The file cannot be written: {why}").format(why=error))
            told = _("{path} is written: {size} bytes, as of journal no. {seq}.")
            narrate(told.format(path=output, size=f"{size:,}", seq=download.journal_seq))
            narrate(watched(download.rows, download.watched))

    answer(context, ask)
