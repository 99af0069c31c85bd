"""`branchfleet check push`, `campaigns` and `campaign`: checks pushed to many hosts, and what came of each."""

import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.check import check_app
from tui.commands.push import Reason, Starts, Window, seconds_of, starts_at
from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _

if TYPE_CHECKING:
    from server.schemas.campaigns import CampaignCreate, CampaignHost, CampaignOut
    from tui.client import Client

app = typer.Typer(rich_markup_mode=None)
campaign_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="One push of checks: every host of it, and what a branch is handed.",
    epilog="Example: branchfleet campaign show 0192f0c1-7d3e-7000-8000-000000000000",
)
app.add_typer(campaign_app, name="campaign")

PICTURES = (".png", ".svg")
Number = Annotated[
    str,
    typer.Argument(help="Its number, as branchfleet campaigns lists it; monthly: the newest list.", show_default=False),
]
Branch = Annotated[str, typer.Option(help="A branch's code.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


@check_app.command(
    "push", epilog="Example: branchfleet check push high-risk-ports ms17-010 --all --expires 3d --no-wait"
)
def push(
    context: typer.Context,
    checks: Annotated[
        list[str] | None, typer.Argument(help="Ids, as branchfleet checks lists them.", show_default=False)
    ] = None,
    template: Annotated[str, typer.Option(help="Begin from one: its checks, and what people answer.")] = "",
    ports: Annotated[str, typer.Option(help="Ports in the template's items, if not its own: 135,137-139,445.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every host of the bank.")] = False,
    branch: Annotated[str, typer.Option(help="A branch's code, with the branches below it.")] = "",
    cls: Annotated[str, typer.Option("--class", help="A class of the inventory; agent: PCs with an agent.")] = "",
    model: Annotated[str, typer.Option(help="A part of what hosts say their model is.")] = "",
    zone: Annotated[str, typer.Option(help="A zone of checks/bank.toml.")] = "",
    query: Annotated[str, typer.Option(help='CEL over facts: f["os.family"] == "win32".')] = "",
    title: Annotated[str, typer.Option(help="What it is called; else by its checks.")] = "",
    starts: Starts = "",
    expires: Annotated[
        str,
        typer.Option(help="How long hosts that are off may take, and people: 5s to 30d; else 10m, of a template 3d."),
    ] = "",
    window: Window = "",
    reason: Reason = "",
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Print the campaign's number and end; it goes on.")
    ] = False,
    json: Json = False,
) -> None:
    """Have hosts say anew what they are, and judge each by these checks, or say why it did not answer.

    Several limits narrow it down together. Ends with 12 unless every host answered and passes; Ctrl+C ends the waiting
    and not the campaign.
    """
    if not checks and not template:
        stop(Exit.USAGE, _("Say which checks, or --template: branchfleet check templates lists them."))
    said: dict[str, object] = {"checks": checks or [], "template": template, "ports": ports}
    said |= {"title": title, "everything": everything, "branch": branch, "cls": cls}
    said |= {"model": model, "zone": zone, "query": query, "window": window, "reason": reason}
    ask = _ask({**said, "starts": starts_at(starts), "seconds": seconds_of(expires or ("3d" if template else "10m"))})
    _begin(context, ask, wait=not no_wait, json=json)


@check_app.command(epilog="Example: branchfleet check templates")
def templates(context: typer.Context, json: Json = False) -> None:
    """List the templates of emergencies: their checks, and what people are asked."""
    from tui.plain import plain, to_json

    async def ask(client: "Client") -> None:
        told = await client.templates()
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
            return
        for one in told.templates:
            typer.echo(plain(f"{one.id}  {one.title}  {one.ports}"))
            typer.echo(f"  {', '.join(one.checks)}")
            for number, item in enumerate(one.items, 1):
                typer.echo(plain(f"  {number}. {item}".replace("{ports}", one.ports)))
        for wrong in told.wrong:
            narrate(plain(wrong))

    answer(context, ask)


@app.command(epilog="Example: branchfleet campaigns --monthly")
def campaigns(
    context: typer.Context,
    monthly: Annotated[bool, typer.Option("--monthly", help="The lists of each month alone.")] = False,
    json: Json = False,
) -> None:
    """List the pushes of checks and the monthly lists, the newest first."""
    kind = "monthly" if monthly else None
    from tui.commands.listed import all_pages
    from tui.words.campaign import campaign_lines

    async def ask(client: "Client") -> None:
        await all_pages(
            lambda offset, limit: client.campaigns(kind=kind, offset=offset, limit=limit), campaign_lines, json
        )

    answer(context, ask)


@campaign_app.command(epilog="Example: branchfleet campaign show 0192f0c1-7d3e-7000-8000-000000000000 --branch 1001")
def show(context: typer.Context, uid: Number, branch: Branch = "", json: Json = False) -> None:
    """Show every host of it: those that fail first, with what to do, then those without an answer, with the reason."""

    async def ask(client: "Client") -> None:
        await _tell(client, await client.campaign(uid), branch or None, json)

    answer(context, ask)


@campaign_app.command(epilog="Example: branchfleet campaign branches 0192f0c1-7d3e-7000-8000-000000000000")
def branches(context: typer.Context, uid: Number, json: Json = False) -> None:
    """Show how far each branch is."""
    from tui.commands.listed import aligned
    from tui.plain import to_json
    from tui.words.campaign import branch_lines

    async def ask(client: "Client") -> None:
        told = await client.campaign_branches(uid)
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
            return
        for line in aligned(branch_lines(told.rows)):
            typer.echo(line)

    answer(context, ask)


@campaign_app.command(epilog="Example: branchfleet campaign items 0192f0c1-7d3e-7000-8000-000000000000")
def items(context: typer.Context, uid: Number, branch: Branch = "", json: Json = False) -> None:
    """Show what people are to answer, who answered what and when; what nobody answered is not done."""
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.campaign import item_lines, ticked

    async def ask(client: "Client") -> None:
        told = await client.campaign_items(uid, branch or None)
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
            return
        campaign = await client.campaign(uid)
        for line in aligned(item_lines(told.rows, client.now())):
            typer.echo(line)
        narrate(plain(f"{campaign.title}: {ticked(campaign.ticks)}"))

    answer(context, ask)


@campaign_app.command(epilog="Example: branchfleet campaign tick 0192f0c1-... staff-told --branch 1001 --done")
def tick(
    context: typer.Context,
    uid: Number,
    item: Annotated[list[str], typer.Argument(help="Ids, as campaign items lists them.", show_default=False)],
    branch: Annotated[str, typer.Option(help="A branch's code; left out, it is one's own, or head office.")] = "",
    done: Annotated[bool, typer.Option("--done", help="It is done.")] = False,
    not_possible: Annotated[bool, typer.Option("--not-possible", help="It is not, and --note says why.")] = False,
    note: Annotated[str, typer.Option(help="What is to be said of it.")] = "",
) -> None:
    """Answer what people are asked. A wrong answer is answered again: the newest counts, and both stay."""
    from server.schemas.campaigns import Tick, TickAsk
    from server.schemas.people import Role
    from tui.plain import plain
    from tui.words.campaign import ticked

    if done == not_possible or (not_possible and not note):
        stop(Exit.USAGE, _("Say --done, or --not-possible with a --note."))
    word = Tick.DONE if done else Tick.NOT_POSSIBLE

    async def ask(client: "Client") -> None:
        whose = branch
        if not whose and (await client.me()).role is Role.BRANCH:
            whose = await _own(client, uid)
        told = await client.campaign_tick(uid, TickAsk(items=item, branch=whose, word=word, note=note[:500]))
        narrate(plain(f"{told.title}: {ticked(told.ticks)}"))

    answer(context, ask)


@campaign_app.command(epilog="Example: branchfleet campaign cancel 0192f0c1-7d3e-7000-8000-000000000000")
def cancel(context: typer.Context, uid: Number) -> None:
    """Have no further host be asked. What has answered stays."""
    from tui.words.campaign import progress

    async def ask(client: "Client") -> None:
        left = await client.cancel_campaign(uid)
        narrate(_("Cancelled: {progress}").format(progress=progress(left)))

    answer(context, ask)


@campaign_app.command(epilog="Example: branchfleet campaign text 0192f0c1-... --branch 1001 --qr -o result.png")
def text(
    context: typer.Context,
    uid: Number,
    branch: Annotated[str, typer.Option(help="A branch's code; may be left out where it is one's own.")] = "",
    qr: Annotated[bool, typer.Option("--qr", help="As QR codes, several where it is long.")] = False,
    output: Annotated[str, typer.Option("-o", "--output", help="Files for the codes: .png or .svg.")] = "",
    force: Force = False,
) -> None:
    """Print a branch's result for its chat group: counts, and each host that does not pass with what to do."""
    if output and (not qr or Path(output).suffix not in PICTURES):
        stop(Exit.USAGE, _("-o is for QR codes, as --qr -o result.png or .svg."))

    async def ask(client: "Client") -> None:
        told = await client.campaign_text(uid, branch or await _own(client, uid))
        if not qr:
            typer.echo(told.text)
        elif output:
            await _pictures(told.parts, Path(output), force)
        else:
            _draw(told.parts)

    answer(context, ask)


@campaign_app.command(epilog="Example: branchfleet campaign export 0192f0c1-... -o result.xlsx --branch 1001")
def export(
    context: typer.Context,
    uid: Number,
    output: Annotated[str, typer.Option("-o", "--output", help="The Excel file.")],
    branch: Branch = "",
    force: Force = False,
) -> None:
    """Write every host and check of it to an Excel file, of one branch or of all: whole or not at all."""

    async def ask(client: "Client") -> None:
        async with client.campaign_export(uid, branch or None) as download:
            await _write(Path(output), download.chunks, force)
            narrate(_("{path} is written: {rows} rows.").format(path=output, rows=download.rows))

    answer(context, ask)


# -- how it is done ---------------------------------------------------------------------------------


def _ask(said: dict[str, object]) -> "CampaignCreate":
    """What was said, checked here as far as it can be."""
    from pydantic import ValidationError

    from server.schemas.campaigns import CampaignCreate
    from tui.plain import plain

    narrowed = any(said[name] for name in ("branch", "cls", "model", "zone", "query"))
    if narrowed == bool(said["everything"]):
        stop(Exit.USAGE, _("Say which hosts: --branch, --class, --model, --zone, --query, or --all."))
    try:
        return CampaignCreate.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0])
        wrong = {
            "seconds": _("--expires is too short or too long: 5s to 30d."),
            "window": _("--window {said} is not hours of a day: write them as 17:30-08:00.").format(
                said=plain(str(said["window"]))
            ),
        }
        most = first.get("ctx", {}).get("max_length")
        if most is not None:
            wrong[where] = _("--{name} is too long: {most} characters at most.").format(
                name={"cls": "class"}.get(where, where), most=most
            )
        stop(Exit.USAGE, wrong.get(where) or f"{where}: {plain(first['msg'])}")


def _begin(context: typer.Context, ask: "CampaignCreate", *, wait: bool, json: bool) -> None:
    from tui.commands.awaiting import Line, begin_and_wait
    from tui.plain import plain, to_json
    from tui.words.campaign import all_pass, progress

    made: list[CampaignOut] = []
    line = Line()

    def look(campaign: "CampaignOut") -> None:
        made.append(campaign)
        line.show(progress(campaign))

    async def run(client: "Client") -> None:
        for wrong in (await client.checks()).wrong:
            narrate(plain(wrong))
        if not wait:
            campaign = await client.begin_campaign(ask)
            typer.echo(to_json(campaign.model_dump(mode="json")) if json else campaign.uid)
            return
        campaign = await begin_and_wait(client, ask, look)
        line.end()
        await _tell(client, campaign, None, json)
        if not all_pass(campaign):
            stop(Exit.NOT_ALL, _("Not every host answered and passes."))

    try:
        answer(context, run)
    except KeyboardInterrupt:
        line.end()
        if not made:
            stop(
                Exit.STOPPED, _("Stopped before the server answered: branchfleet campaigns says whether it was begun.")
            )
        stop(Exit.STOPPED, _("Stopped; the campaign goes on: branchfleet campaign show {uid}").format(uid=made[0].uid))


async def _tell(client: "Client", campaign: "CampaignOut", branch: str | None, json: bool) -> None:
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.campaign import host_lines, parts_of, progress, reasons, when

    hosts: list[CampaignHost] = []
    while True:
        page = await client.campaign_hosts(campaign.uid, branch=branch, offset=len(hosts), limit=500)
        hosts += page.rows
        if len(hosts) >= page.total or not page.rows:
            break
    if json:
        rows = [host.model_dump(mode="json") for host in hosts]
        typer.echo(to_json({**campaign.model_dump(mode="json"), "rows": rows}))
        return
    for line in aligned(host_lines(hosts)):
        typer.echo(line)
    for part in parts_of(campaign):
        narrate(plain(part))
    narrate(plain(" · ".join(when(campaign, client.now()))))
    narrate(plain(f"{campaign.title} {campaign.scope}: {progress(campaign)}"))
    if campaign.reasons:
        narrate(plain(_("No answer: {reasons}").format(reasons=reasons(campaign))))


async def _own(client: "Client", uid: str) -> str:
    """The one branch of it this person sees."""
    rows = (await client.campaign_branches(uid)).rows
    if len(rows) != 1:
        stop(Exit.USAGE, _("It is about {count} branches: say --branch CODE.").format(count=len(rows)))
    return rows[0].branch


def _draw(parts: list[str]) -> None:
    from tui.words.campaign import codes, drawn

    colours = ("\x1b[97;40m", "\x1b[0m") if sys.stdout.isatty() else ("", "")
    for number, code in enumerate(codes(parts), 1):
        if len(parts) > 1:
            typer.echo(f"{number}/{len(parts)}")
        for line in drawn(code):
            typer.echo(f"{colours[0]}{line}{colours[1]}")


async def _pictures(parts: list[str], path: Path, force: bool) -> None:
    """One file, or one for each piece: result-1.png, result-2.png."""
    from tui.words.campaign import codes

    for number, code in enumerate(codes(parts), 1):
        to = path if len(parts) == 1 else path.with_stem(f"{path.stem}-{number}")
        made = io.BytesIO()
        code.save(made, kind=path.suffix.removeprefix("."), scale=6)
        await _write(to, _once(made.getvalue()), force)
        narrate(_("{path} is written.").format(path=to))


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _write(path: Path, chunks: AsyncIterator[bytes], force: bool) -> None:
    from tui.files import CannotWrite, Exists, write

    try:
        await write(path, chunks, force=force, progress=lambda _done: None)
    except Exists:
        stop(Exit.CANNOT_WRITE, _("{path} is there already; --force replaces it.").format(path=path))
    except CannotWrite as error:
        stop(Exit.CANNOT_WRITE, _("The file cannot be written: {why}").format(why=error))
