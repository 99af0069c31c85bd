"""`branchfleet media`: the bank's own removable media, and what agents saw put in and taken out."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.exporting import Force, Output, save
from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _

if TYPE_CHECKING:
    from pydantic import ValidationError

    from server.schemas.media import SightingOut, StickOut
    from tui.client import Client

app = typer.Typer(rich_markup_mode=None)
media_app = typer.Typer(
    rich_markup_mode=None, epilog="Example: branchfleet media sightings --odd", no_args_is_help=True
)
app.add_typer(media_app, name="media")

Which = Annotated[str, typer.Argument(help="Its serial number, or the label that stands on it.", show_default=False)]
Keeper = Annotated[str, typer.Option("--to", help="Who has it from now on.", show_default=False)]
Note = Annotated[str, typer.Option(help="A note, which takes the place of the one before.")]


@media_app.callback()
def media() -> None:
    """Removable media: the register of the bank's own, and what was put into PCs."""


@media_app.command("list", epilog="Example: branchfleet media list --json")
def list_media(context: typer.Context, json: Json = False) -> None:
    """List the bank's own media: overdue and lost first, with where each was seen last."""
    from tui.commands.listed import all_pages
    from tui.words.media import watched

    async def ask(client: "Client") -> None:
        await all_pages(lambda offset, limit: client.media(offset=offset, limit=limit), _stick_lines, json)
        narrate(watched(await client.media(limit=1)))

    answer(context, ask)


@media_app.command(epilog="Example: branchfleet media sightings --odd --branch 1001")
def sightings(
    context: typer.Context,
    branch: Annotated[str, typer.Option(help="The code of the PC's branch.")] = "",
    serial: Annotated[str, typer.Option(help="Only of this medium.")] = "",
    odd: Annotated[bool, typer.Option("--odd", help="Only what should not have been in.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 100,
    json: Json = False,
) -> None:
    """List the media that agents saw, newest first: when, at which PC, and whose it is by the register."""
    from tui.commands.listed import aligned
    from tui.plain import to_json
    from tui.words.media import watched

    async def ask(client: "Client") -> None:
        page = await client.sightings(branch=branch or None, serial=serial, odd=odd, limit=limit)
        if json:
            typer.echo(to_json(page.model_dump(mode="json")))
            return
        for line in aligned(_sighting_lines(page.rows)):
            typer.echo(line)
        shown = _("{shown} of {total} sightings").format(shown=len(page.rows), total=page.total)
        narrate(f"{shown} · {watched(page)}")

    answer(context, ask)


@media_app.command(epilog="Example: branchfleet media register E0D55EA573F0 --label U-001 --branch 1001")
def register(
    context: typer.Context,
    serial: Annotated[str, typer.Argument(help="Its serial number, as agents see it.", show_default=False)],
    label: Annotated[str, typer.Option(help="What stands on it.", show_default=False)],
    branch: Annotated[str, typer.Option(help="The code of the branch it belongs to.", show_default=False)],
    keeper: Annotated[str, typer.Option(help="Who keeps it.")] = "",
    note: Note = "",
) -> None:
    """Register a medium of the bank. Put it in once, and `media sightings` says its serial number."""
    from pydantic import ValidationError

    from server.schemas.media import StickCreate

    try:
        asked = StickCreate(serial=serial, label=label, branch=branch, keeper=keeper, note=note)
    except ValidationError as error:
        stop(Exit.USAGE, _wrong(error))

    async def ask(client: "Client") -> None:
        _say(await client.register_medium(asked))

    answer(context, ask)


@media_app.command(epilog="Example: branchfleet media lend U-001 --to 王小兰 --due 2026-12-31")
def lend(
    context: typer.Context,
    which: Which,
    keeper: Keeper,
    due: Annotated[str, typer.Option(help="The last day it may be out, as 2026-12-31.", show_default=False)],
    note: Note = "",
) -> None:
    """Lend a medium until a day. Where it is put in after that, a ticket is opened."""
    try:
        day = date.fromisoformat(due)
    except ValueError:
        stop(Exit.USAGE, _("{day} is no day; write it as 2026-12-31.").format(day=due))
    _step(context, which, "lend", keeper, day, note)


@media_app.command(epilog="Example: branchfleet media back U-001")
def back(context: typer.Context, which: Which, note: Note = "") -> None:
    """A medium is back: lent before, or lost."""
    _step(context, which, "back", note=note)


@media_app.command(epilog="Example: branchfleet media hand U-001 --to 李四")
def hand(context: typer.Context, which: Which, keeper: Keeper, note: Note = "") -> None:
    """A medium goes to another keeper; a loan ends on the same day as before."""
    _step(context, which, "hand", keeper, note=note)


@media_app.command(epilog="Example: branchfleet media lost U-001 --note 已报保卫部")
def lost(context: typer.Context, which: Which, note: Note = "") -> None:
    """A medium is lost. Where it is put in after that, a ticket is opened."""
    _step(context, which, "lost", note=note)


@media_app.command(epilog="Example: branchfleet media retire U-001 --note 消磁销毁")
def retire(context: typer.Context, which: Which, note: Note = "") -> None:
    """A medium is destroyed or given away, for good. Where it is put in after that, a ticket is opened."""
    _step(context, which, "retire", note=note)


@media_app.command(epilog="Example: branchfleet media export -o 移动介质.xlsx")
def export(
    context: typer.Context,
    output: Output,
    branch: Annotated[str, typer.Option(help="Only what was seen at PCs of this branch.")] = "",
    force: Force = False,
) -> None:
    """Write the register and the sightings to an Excel file: whole or not at all. The export is in the journal."""

    async def ask(client: "Client") -> None:
        await save(client, "/api/media/export", output, force, branch=branch or None)

    answer(context, ask)


def _step(
    context: typer.Context, which: str, deed: str, keeper: str = "", due: date | None = None, note: str = ""
) -> None:
    from pydantic import ValidationError

    from server.schemas.media import StickDeed, StickStep

    try:
        asked = StickStep(serial=which, deed=StickDeed(deed), keeper=keeper, due=due, note=note)
    except ValidationError as error:
        stop(Exit.USAGE, _wrong(error))

    async def ask(client: "Client") -> None:
        _say(await client.step_medium(asked))

    answer(context, ask)


def _wrong(error: "ValidationError") -> str:
    from tui.plain import plain

    first = error.errors()[0]
    return plain(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def _say(one: "StickOut") -> None:
    from tui.commands.listed import aligned

    for line in aligned(_stick_lines([one], 0)):
        typer.echo(line)


def _stick_lines(rows: "Sequence[StickOut]", now: int) -> list[list[str]]:
    from tui.plain import plain
    from tui.words.media import status, way_word
    from tui.words.times import full

    head = [
        _("State"),
        _("Label"),
        _("Serial number"),
        _("Branch"),
        _("Keeper"),
        _("Back by"),
        _("Last seen"),
        _("Note"),
    ]
    lines = [
        [
            f"{status(row).shape} {status(row).title}",
            row.label,
            row.serial,
            row.branch_name,
            row.keeper,
            row.due.isoformat() if row.due else "",
            f"{full(row.seen_at)} {row.seen_by} {way_word(row.seen_way)}" if row.seen_at else _("never"),
            row.note,
        ]
        for row in rows
    ]
    return [head, *(list(map(plain, line)) for line in lines)]


def _sighting_lines(rows: "Sequence[SightingOut]") -> list[list[str]]:
    from tui.plain import plain
    from tui.words.media import WORDS, make, way_word
    from tui.words.times import full

    head = [
        _("By the register"),
        _("Time"),
        _("Agent"),
        _("Branch"),
        _("What"),
        _("Label"),
        _("Serial number"),
        _("Maker and model"),
        _("Ticket"),
    ]
    lines = [
        [
            f"{WORDS[row.word].shape} {WORDS[row.word].title}",
            full(row.at),
            row.agent,
            row.branch_name,
            way_word(row.way),
            row.label,
            row.serial or "—",
            make(row),
            row.ticket or "",
        ]
        for row in rows
    ]
    return [head, *(list(map(plain, line)) for line in lines)]
