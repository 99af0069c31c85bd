"""`branchfleet register`: registers that fill themselves, and what only a person can enter."""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tui.commands.exporting import Force, Output, save
from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _

if TYPE_CHECKING:
    from pydantic import BaseModel

    from server.schemas.registers import SecurityRowOut
    from tui.client import Client, SecurityQuery

app = typer.Typer(rich_markup_mode=None)
register_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, epilog="Example: branchfleet register security list --branch 1001"
)
security_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, epilog="Example: branchfleet register security list --overdue"
)
register_app.add_typer(security_app, name="security")
app.add_typer(register_app, name="register")

Model = TypeVar("Model", bound="BaseModel")
Word = TypeVar("Word", bound=StrEnum)

Row = Annotated[int, typer.Argument(min=1, help="Number of the row.", show_default=False)]
Branch = Annotated[str, typer.Option(help="A branch's code.")]
About = Annotated[str, typer.Option("--about", help="Key of a host, a position or a branch.")]
First = Annotated[str, typer.Option("--from", help="From this day on: 2026-11-01.")]
Last = Annotated[str, typer.Option("--to", help="To this day, which is in it.")]
Kind = Annotated[str, typer.Option(help="check, antivirus, patch, mend or review.")]
Source = Annotated[str, typer.Option(help="Who told: hand, remote or import.")]
Overdue = Annotated[bool, typer.Option("--overdue", help="Findings past the day they were to be mended by alone.")]
Day = Annotated[str, typer.Option("--day", help="The day it was done: 2026-11-30.", show_default="today")]
By = Annotated[str, typer.Option("--by", help="Who looked.", show_default="who is signed in")]
Found = Annotated[str, typer.Option(help="What was found.")]
Measure = Annotated[str, typer.Option(help="What is done about it.")]
Until = Annotated[str, typer.Option("--due", help="By which day it is to be mended.")]
Patch = Annotated[str, typer.Option(help="Number of the patch: KB4012212.")]
Library = Annotated[str, typer.Option(help="Version of the antivirus library.")]


@register_app.callback()
def register() -> None:
    """Registers the bank's rules demand, filled from what is known."""


@security_app.callback()
def security() -> None:
    """Security checks: every check, library update and patch a row, most of them by itself."""


@security_app.command("list", epilog="Example: branchfleet register security list --from 2026-11-01 --to 2026-11-30")
def list_security(
    context: typer.Context,
    branch: Branch = "",
    about: About = "",
    first: First = "",
    last: Last = "",
    kind: Kind = "",
    source: Source = "",
    overdue: Overdue = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 100,
    json: Json = False,
) -> None:
    """List the newest rows, and say how many hosts have one."""
    from tui.commands.listed import aligned
    from tui.plain import to_json
    from tui.words.register import covered, lines

    query = _query(branch, about, first, last, kind, source, overdue)

    async def ask(client: "Client") -> None:
        page = await client.security(query, limit=limit)
        if json:
            typer.echo(to_json(page.model_dump(mode="json")))
            return
        for line in aligned(lines(page.rows, page.at)):
            typer.echo(line)
        shown = _("{shown} of {total} rows").format(shown=len(page.rows), total=f"{page.total:,}")
        narrate(f"{shown} · {covered(page.covers)}")

    answer(context, ask)


@security_app.command(epilog="Example: branchfleet register security export -o 登记簿.xlsx --branch 1001")
def export(
    context: typer.Context,
    output: Output,
    branch: Branch = "",
    about: About = "",
    first: First = "",
    last: Last = "",
    kind: Kind = "",
    source: Source = "",
    overdue: Overdue = False,
    force: Force = False,
) -> None:
    """Write it to an Excel file that prints on A4, the oldest row first: whole or not at all."""
    query = _query(branch, about, first, last, kind, source, overdue)

    async def ask(client: "Client") -> None:
        await save(client, "/api/registers/security/export", output, force, **query.asked())

    answer(context, ask)


@security_app.command(
    epilog="Example: branchfleet register security enter 1001/atm-1 --item 端口 --outcome fail --found 445"
)
def enter(
    context: typer.Context,
    about: Annotated[str, typer.Argument(help="Key of a position, an agent or a branch.", show_default=False)],
    item: Annotated[str, typer.Option(help="What was looked at.", show_default=False)],
    outcome: Annotated[str, typer.Option(help="pass, fail, unknown ...; of an update: updated.", show_default=False)],
    kind: Annotated[str, typer.Option(help="check, antivirus or patch.")] = "check",
    category: Annotated[str, typer.Option(help="Of a check: daily, special, self or spot.")] = "",
    asset: Annotated[str, typer.Option(help="Asset number of the machine.")] = "",
    found: Found = "",
    patch: Patch = "",
    library: Library = "",
    library_day: Annotated[str, typer.Option(help="Day of the antivirus library.")] = "",
    measure: Measure = "",
    due: Until = "",
    day: Day = "",
    by: By = "",
) -> None:
    """Enter what no machine knows: a check by hand, an update by a stick."""
    from server.schemas.registers import SecurityEntry

    said = {"about": about, "item": item, "outcome": outcome, "kind": kind, "asset": asset, "found": found}
    said |= {"category": category or ("self" if kind == "check" else ""), "patch": patch, "library": library}
    days = {"library_day": library_day, "due": due, "day": day}
    ask = _made(SecurityEntry, {**said, "measure": measure, "by": by, **_days(days)})
    _write(context, lambda client: client.enter_security(ask))


@security_app.command(epilog="Example: branchfleet register security follow 12 --measure 关闭445 --due 2026-12-31")
def follow(
    context: typer.Context,
    no: Row,
    measure: Measure = "",
    due: Until = "",
    review: Annotated[str, typer.Option(help="What a second look saw: pass, fail or unknown.")] = "",
    found: Found = "",
    day: Day = "",
    by: By = "",
) -> None:
    """Say what is done about a row's finding and until when, or what a second look saw."""
    from server.schemas.registers import SecurityFollow

    said = {"measure": measure, "review": review, "found": found, "by": by, **_days({"due": due, "day": day})}
    ask = _made(SecurityFollow, said)
    _write(context, lambda client: client.follow_security(no, ask))


@security_app.command(epilog="Example: branchfleet register security correct 12 --outcome pass --reason 看错了机器")
def correct(
    context: typer.Context,
    no: Row,
    reason: Annotated[str, typer.Option(help="Why.", show_default=False)],
    outcome: Annotated[str, typer.Option(help="What it should be: pass, fail, unknown ...")] = "",
    item: Annotated[str, typer.Option(help="What was looked at.")] = "",
    found: Found = "",
    patch: Patch = "",
    library: Library = "",
    measure: Measure = "",
    due: Until = "",
) -> None:
    """Write a row that says what this one should have said; both stay."""
    from server.schemas.registers import SecurityCorrection

    said = {"outcome": outcome, "item": item, "found": found, "patch": patch, "library": library, "measure": measure}
    given = {name: value for name, value in said.items() if value}
    ask = _made(SecurityCorrection, {"reason": reason, **given, **_days({"due": due})})
    _write(context, lambda client: client.correct_security(no, ask))


# -- how it is done ---------------------------------------------------------------------------------


def _query(branch: str, about: str, first: str, last: str, kind: str, source: str, overdue: bool) -> "SecurityQuery":
    from server.schemas.registers import Entry
    from server.schemas.registers import Source as Sources
    from tui.client import SecurityQuery

    days = _days({"first": first, "last": last})
    return SecurityQuery(
        branch or None,
        about or None,
        days.get("first"),
        days.get("last"),
        _word(kind, Entry),
        _word(source, Sources),
        overdue,
    )


def _word(said: str, kind: type[Word]) -> str | None:
    known = [word.value for word in kind if word.value]
    if said and said not in known:
        stop(Exit.USAGE, _("{word}: no such word. There are: {known}").format(word=said, known=", ".join(known)))
    return said or None


def _days(said: dict[str, str]) -> dict[str, str]:
    for text in said.values():
        try:
            date.fromisoformat(text or "2000-01-01")
        except ValueError:
            stop(Exit.USAGE, _("{said} is no day: write it as 2027-03-31.").format(said=text))
    return {name: text for name, text in said.items() if text}


def _made(kind: type[Model], said: dict[str, Any]) -> Model:
    """What was said, checked here as far as it can be."""
    from pydantic import ValidationError

    from tui.plain import plain

    try:
        return kind.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        stop(Exit.USAGE, f"{'.'.join(map(str, first['loc']))}: {plain(first['msg'])}")


def _write(context: typer.Context, deed: Any) -> None:
    async def ask(client: "Client") -> None:
        row: SecurityRowOut = await deed(client)
        typer.echo(str(row.no))
        narrate(_("Row {no} is in the register.").format(no=row.no))

    answer(context, ask)
