"""`branchfleet checks` and `branchfleet check`: what the bank asks of every host, and how one does by it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
from tui.texts import _
from tui.words.verdicts import SEVERITIES, SHAPES, WORDS

if TYPE_CHECKING:
    from server.schemas.checks import CheckTest, HostIn, VerdictOut
    from tui.client import Client

app = typer.Typer(rich_markup_mode=None)
check_app = typer.Typer(rich_markup_mode=None, epilog="Example: branchfleet check show 1001-pc", no_args_is_help=True)
app.add_typer(check_app, name="check")


@check_app.callback()
def check() -> None:
    """One host by every check, or a check that is being written."""


@app.command(epilog="Example: branchfleet checks --json")
def checks(context: typer.Context, json: Json = False) -> None:
    """List the checks: those that came with the server, and those of the bank, with the clause each serves."""
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json

    async def ask(client: "Client") -> None:
        told = await client.checks()
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
        else:
            head = [_("Item checked"), _("Severity"), _("Whose"), _("Title"), _("Clause")]
            rows = [
                [
                    one.id,
                    _(SEVERITIES[one.severity]),
                    _("shipped") if one.shipped else _("the bank"),
                    one.title,
                    one.clause,
                ]
                for one in told.checks
            ]
            for line in aligned([head, *(list(map(plain, row)) for row in rows)]):
                typer.echo(line)
        for sentence in told.wrong:
            narrate(plain(sentence))

    answer(context, ask)


@check_app.command(epilog="Example: branchfleet check show 1001-pc")
def show(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The agent's key in the inventory.", show_default=False)],
    json: Json = False,
) -> None:
    """Show how an agent's PC does by every check, from what it said last: judged now, what fails first, and why.

    Only pass is good. What was never told, is too old or could not be read is not known, and counts as nothing else.
    """
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json

    async def ask(client: "Client") -> None:
        told = await client.verdicts(key)
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
        else:
            head = [_("Verdict"), _("Severity"), _("Item checked"), _("What it rests on")]
            rows = [
                [_word(one.word), _(SEVERITIES[one.severity]), one.title, _("; ").join(one.why)]
                for one in told.verdicts
            ]
            for line in aligned([head, *(list(map(plain, row)) for row in rows)]):
                typer.echo(line)
        narrate(_(", ").join(f"{_(WORDS[word])} {count}" for word, count in told.counts.items()))
        for sentence in told.wrong:
            narrate(plain(sentence))

    answer(context, ask)


@check_app.command("test", epilog="Example: branchfleet check test usb.toml --facts front-desk.json")
def try_it(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A check, as a TOML file.", show_default=False)],
    facts: Annotated[Path | None, typer.Option(help="A JSON file of what a host said.", show_default=False)] = None,
    host: Annotated[str, typer.Option(help="Or an agent's key: what the server last heard of its PC.")] = "",
    json: Json = False,
) -> None:
    """Try a check that is being written, on facts or on a host: its verdict, why, and what to do. Nothing is kept.

    Ends with 0 for pass, 12 for any other verdict, 3 where the check or the facts cannot be used.
    """
    if (facts is None) == (not host):
        stop(Exit.USAGE, _("Say --facts FILE or --host KEY, one of the two."))
    asked = _asked(file, facts, host)

    async def ask(client: "Client") -> None:
        from tui.failures import Refused
        from tui.plain import to_json

        try:
            told = await client.try_check(asked)
        except Refused as refused:
            if refused.status != 422:
                raise
            stop(Exit.BAD_FILE, refused.sentence)
        if json:
            typer.echo(to_json(told.model_dump(mode="json")))
        else:
            _show(told)
        if told.word != "pass":
            raise typer.Exit(Exit.NOT_ALL)

    answer(context, ask)


def _asked(file: Path, facts: Path | None, host: str) -> "CheckTest":
    from pydantic import ValidationError

    from server.schemas.checks import CHECK, CheckTest
    from tui.plain import plain

    text = _text(file)
    if len(text) > CHECK:
        stop(
            Exit.BAD_FILE,
            _("{file} is longer than {most} characters; a check is a page.").format(file=file, most=CHECK),
        )
    try:
        return CheckTest(text=text, file=file.name[-120:], facts=_facts(facts) if facts else None, host=host or None)
    except ValidationError:
        stop(Exit.BAD_FILE, _("{file} cannot be sent: is its name text?").format(file=plain(file.name)))


def _facts(file: Path) -> "HostIn":
    from json import JSONDecodeError, dumps, loads

    from pydantic import ValidationError

    from server.schemas.checks import HostIn
    from tui.plain import plain

    wrong = _('{file} cannot be used as facts: {why}. It is {{"topics": {{"host": {{"facts": {{...}}}}}}}}')
    try:
        said = loads(_text(file))
        dumps(said, ensure_ascii=False).encode()  # half a character cannot be sent
        return HostIn.model_validate(said)
    except ValidationError as error:
        where = plain(".".join(map(str, error.errors()[0]["loc"])))
        why = _("{where} is not there, or is of another kind").format(where=where)
        stop(Exit.BAD_FILE, wrong.format(file=file, why=why))
    except JSONDecodeError as error:
        why = _("line {line}, character {at}: that is no JSON").format(line=error.lineno, at=error.colno)
        stop(Exit.BAD_FILE, wrong.format(file=file, why=why))
    except (RecursionError, ValueError):
        stop(Exit.BAD_FILE, wrong.format(file=file, why=_("it cannot be read")))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        stop(Exit.BAD_FILE, _("{file} cannot be read: {why}").format(file=file, why=_(error.strerror or "")))
    except UnicodeDecodeError:
        stop(Exit.BAD_FILE, _("{file} is not UTF-8.").format(file=file))


def _show(told: "VerdictOut") -> None:
    from tui.plain import plain

    typer.echo(f"{_word(told.word)}  {plain(told.title)}")
    for line in told.why:
        typer.echo(f"  {plain(line)}")
    for number, step in enumerate(told.mend, 1):
        typer.echo(f"  {number}. {plain(step)}")


def _word(word: str) -> str:
    return f"{SHAPES[word]} {_(WORDS[word])}"
