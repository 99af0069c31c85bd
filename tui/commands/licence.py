"""`branchfleet licences`: software licences bought, installed and in use."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.commands.exporting import Force, Output, save
from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _

if TYPE_CHECKING:
    from server.schemas.licences import LicenceOut, ProductOut
    from tui.client import Client

app = typer.Typer(rich_markup_mode=None)
licences_app = typer.Typer(rich_markup_mode=None, epilog="Example: branchfleet licences list", no_args_is_help=True)
app.add_typer(licences_app, name="licences")

Code = Annotated[str, typer.Argument(help="The bank's own number of the licence.", show_default=False)]
Branch = Annotated[str, typer.Option(help="A branch's code.")]
Expires = Annotated[str, typer.Option(help="The last day, as 2026-12-31; without one it is for good.")]
Called = Annotated[
    list[str] | None, typer.Option("--called", help="What it is called on hosts, * is anything; repeatable.")
]


@licences_app.callback()
def licences() -> None:
    """Software licences: bought, installed and in use, by product; and the register of what was bought."""


@licences_app.command("list", epilog="Example: branchfleet licences list --json")
def list_products(
    context: typer.Context,
    branch: Branch = "",
    every: Annotated[bool, typer.Option("--all", help="Also products that are neither bought nor installed.")] = False,
    json: Json = False,
) -> None:
    """List by product what was bought, is installed, in use, over, spare and not known. What is over comes first."""
    from tui.commands.listed import all_pages
    from tui.words.licence import listed

    async def ask(client: "Client") -> None:
        asked = {"branch": branch or None, "every": every}
        await all_pages(
            lambda offset, limit: client.licences(**asked, offset=offset, limit=limit),  # type: ignore[arg-type]
            _product_lines,
            json,
        )
        narrate(listed(await client.licences(branch=branch or None, limit=1)))

    answer(context, ask)


@licences_app.command(epilog="Example: branchfleet licences hosts windows-10-pro --word grace")
def hosts(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product's id, as `licences list` says it.", show_default=False)],
    word: Annotated[
        list[str] | None,
        typer.Option(help="used, unlicensed, grace, unsaid, absent, unknown; repeatable. Else those that have it."),
    ] = None,
    branch: Branch = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 100,
    json: Json = False,
) -> None:
    """List the hosts that have a product, or stand otherwise to it."""
    from server.schemas.licences import Install
    from tui.commands.listed import aligned
    from tui.plain import to_json
    from tui.words.licence import WORDS, counted, why
    from tui.words.times import ago

    known = [one.value for one in Install]
    for said in word or ():
        if said not in known:
            told = _("{word}: no such word. There are: {known}")
            stop(Exit.USAGE, told.format(word=said, known=", ".join(known)))
    words = tuple(map(Install, word or ("used", "unlicensed", "grace", "unsaid")))

    async def ask(client: "Client") -> None:
        page = await client.licence_hosts(product, words=words, branch=branch or None, limit=limit)
        if json:
            typer.echo(to_json(page.model_dump(mode="json")))
            return
        head = [_("State"), _("Branch"), _("Key"), _("Name"), _("Program"), _("Why"), _("As of")]
        rows = [
            [f"{WORDS[row.word].shape} {WORDS[row.word].title}", row.branch_name, row.host, row.name, row.program,
             why(row.why), ago(row.at, page.at) if row.at is not None else _("never")]
            for row in page.rows
        ]  # fmt: skip
        for line in aligned([head, *rows]):
            typer.echo(line)
        shown = _("{shown} of {total} hosts").format(shown=len(page.rows), total=page.total)
        narrate(f"{shown} · {page.name} · {counted(page)}")

    answer(context, ask)


@licences_app.command(epilog="Example: branchfleet licences bought")
def bought(context: typer.Context, json: Json = False) -> None:
    """List the register of what was bought: what is over or ends soon first."""
    from tui.commands.listed import all_pages

    async def ask(client: "Client") -> None:
        await all_pages(lambda offset, limit: client.licence_register(offset=offset, limit=limit), _lines, json)

    answer(context, ask)


@licences_app.command(
    epilog="Example: branchfleet licences register ZB-01 --product wps-professional --seats 300 --bought 2026-03-01"
)
def register(
    context: typer.Context,
    code: Code,
    product: Annotated[
        str, typer.Option(help="Id or name of a product `licences list --all` has; or a name.", show_default=False)
    ],
    seats: Annotated[int, typer.Option(help="How many hosts may have it.", show_default=False)],
    bought: Annotated[str, typer.Option(help="The day it was bought, as 2026-03-01.", show_default=False)],
    expires: Expires = "",
    kind: Annotated[str, typer.Option(help="volume, oem, retail or subscription.")] = "volume",
    publisher: Annotated[str, typer.Option(help="Who made it.")] = "",
    contract: Annotated[str, typer.Option(help="The number of the contract or other evidence.")] = "",
    keeper: Annotated[str, typer.Option(help="Who keeps it.")] = "",
    key_at: Annotated[str, typer.Option(help="Where the key is kept; never the key itself.")] = "",
    called: Called = None,
    note: Annotated[str, typer.Option(help="A note.")] = "",
) -> None:
    """Register a licence that was bought."""
    from server.schemas.licences import LicenceCreate

    body = _made(
        LicenceCreate,
        code=code, product=product, seats=seats, bought_on=_day(bought), expires_on=_day(expires), kind=kind,
        publisher=publisher, contract=contract, keeper=keeper, key_at=key_at, patterns=called or [], note=note,
    )  # fmt: skip

    async def ask(client: "Client") -> None:
        _say(await client.register_licence(body))

    answer(context, ask)


@licences_app.command(epilog="Example: branchfleet licences change ZB-2026-01 --seats 320 --expires 2027-12-31")
def change(
    context: typer.Context,
    code: Code,
    seats: Annotated[int | None, typer.Option(help="How many hosts may have it.")] = None,
    expires: Annotated[str, typer.Option(help="The last day, as 2027-12-31.")] = "",
    for_good: Annotated[bool, typer.Option("--for-good", help="It has no last day any more.")] = False,
    contract: Annotated[str | None, typer.Option(help="The number of the contract or other evidence.")] = None,
    keeper: Annotated[str | None, typer.Option(help="Who keeps it.")] = None,
    key_at: Annotated[str | None, typer.Option(help="Where the key is kept; never the key itself.")] = None,
    called: Called = None,
    note: Annotated[str | None, typer.Option(help="A note, which takes the place of the one before.")] = None,
) -> None:
    """Change a licence. What is not named stays as it is."""
    from server.schemas.licences import LicenceChange

    body = _made(
        LicenceChange,
        code=code, seats=seats, expires_on=_day(expires), for_good=for_good, contract=contract, keeper=keeper,
        key_at=key_at, patterns=called, note=note,
    )  # fmt: skip

    async def ask(client: "Client") -> None:
        _say(await client.change_licence(body))

    answer(context, ask)


@licences_app.command(epilog="Example: branchfleet licences withdraw ZB-2026-01 --reason 合同终止")
def withdraw(
    context: typer.Context,
    code: Code,
    reason: Annotated[str, typer.Option(help="Why; it is in the journal.", show_default=False)],
) -> None:
    """A licence counts no more, for good."""
    from server.schemas.licences import LicenceWithdraw

    body = _made(LicenceWithdraw, code=code, reason=reason)

    async def ask(client: "Client") -> None:
        _say(await client.withdraw_licence(body))

    answer(context, ask)


@licences_app.command(epilog="Example: branchfleet licences export -o 软件授权.xlsx")
def export(context: typer.Context, output: Output, branch: Branch = "", force: Force = False) -> None:
    """Write counts, register and hosts to an Excel file: whole or not at all. The export is in the journal."""

    async def ask(client: "Client") -> None:
        await save(client, "/api/licences/export", output, force, branch=branch or None)

    answer(context, ask)


def _day(said: str) -> date | None:
    if not said:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        stop(Exit.USAGE, _("{day} is no day; write it as 2026-12-31.").format(day=said))


def _made(schema: Any, **said: Any) -> Any:
    """A body; what it cannot hold ends the command with a sentence."""
    from pydantic import ValidationError

    from tui.plain import plain

    try:
        return schema(**said)
    except ValidationError as error:
        first = error.errors()[0]
        stop(Exit.USAGE, plain(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))


def _say(one: "LicenceOut") -> None:
    from tui.commands.listed import aligned

    for line in aligned(_lines([one], 0)):
        typer.echo(line)


def _product_lines(rows: "Sequence[ProductOut]", now: int) -> list[list[str]]:
    from tui.words.licence import mark, number

    head = [
        _("State"), _("Id"), _("Product"), _("Seats bought"), _("Installed"), _("In use"), _("Over"), _("Spare"),
        _("Not known"), _("First end"), _("Expired"),
    ]  # fmt: skip
    lines = [
        [f"{mark(one).shape} {mark(one).title}", one.product, one.name,
         *map(number, (one.bought, one.installed, one.used, one.over, one.spare, one.unknown)),
         one.next_end.isoformat() if one.next_end else "", number(one.expired)]
        for one in rows
    ]  # fmt: skip
    return [head, *lines]


def _lines(rows: "Sequence[LicenceOut]", now: int) -> list[list[str]]:
    from tui.words.licence import KINDS, STANDINGS, number

    head = [
        _("State"), _("Licence number"), _("Product"), _("Kind"), _("Seats"), _("Bought on"), _("Ends on"),
        _("Contract"), _("Keeper"), _("Where the key is"), _("Note"),
    ]  # fmt: skip
    lines = [
        [f"{STANDINGS[one.standing].shape} {STANDINGS[one.standing].title}", one.code, one.name, _(KINDS[one.kind]),
         number(one.seats), one.bought_on.isoformat(), one.expires_on.isoformat() if one.expires_on else _("for good"),
         one.contract, one.keeper, one.key_at, one.note]
        for one in rows
    ]  # fmt: skip
    return [head, *lines]
