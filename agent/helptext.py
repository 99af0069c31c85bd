"""The help of a command in a language: the texts in the tree typer makes of an app, and how they are set."""

import re
from collections.abc import Callable, Iterator, Sequence
from inspect import cleandoc
from typing import Any

import typer
from typer.main import get_command

from agent.cells import broken, cells
from agent.texts import Gettext

_Formatter: Any = typer.Context.formatter_class  # typer gives it no name of its own
EXAMPLE = "Example: "
_COLUMN = 30  # cells an option may take before its help goes to the next line
_EXTRA = re.compile(r"(?<=[\[ ])(default|env var|required)(?=[:;\]])")
_FIRST = re.compile(r".*?(?:\.(?=\s|$)|。|$)", re.DOTALL)


def spoken(app: typer.Typer, _: Gettext) -> tuple[Any, Callable[[], str]]:
    """The commands of `app` with their help in a language, and who tells the words the innermost was called by."""

    class Help(_Help):
        translate = staticmethod(_)

    class Context(typer.Context):
        formatter_class = Help
        newest: "Context | None" = None  # typer's parser does not say in its errors of which command they are

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            Context.newest = self

    command = get_command(app)
    _translate(command, Context, _)
    return command, lambda: Context.newest.command_path if Context.newest else ""


def texts(command: Any) -> Iterator[str]:
    """Every text of the help of `command` and of those below it, as the catalogue has it."""
    for text in filter(None, (command.help, command.epilog)):
        yield from (one for one in _paragraphs(text) if not one.startswith(EXAMPLE))
    yield from (parameter.help for parameter in command.params if parameter.help)
    for inner in getattr(command, "commands", {}).values():
        yield from texts(inner)


def _translate(command: Any, context: type[typer.Context], _: Gettext) -> None:
    command.context_class = context
    command.options_metavar = _(command.options_metavar)
    for about in ("help", "epilog"):
        if text := getattr(command, about):
            setattr(command, about, "\n\n".join(_said(one, _) for one in _paragraphs(text)))
    if command.help:
        command.short_help = " ".join(_FIRST.findall(command.help)[0].split())
    for parameter in command.params:
        parameter.help = _(parameter.help) if parameter.help else parameter.help
        if isinstance(default := getattr(parameter, "show_default", None), str):
            parameter.show_default = _(default)
    if help_option := command.get_help_option(context(command)):
        help_option.help = _(help_option.help)
    inner = getattr(command, "commands", {})
    if inner:
        command.subcommand_metavar = _(command.subcommand_metavar)
    for one in inner.values():
        _translate(one, context, _)


def _paragraphs(text: str) -> list[str]:
    return [" ".join(one.split()) for one in re.split(r"\n\s*\n", cleandoc(text))]


def _said(paragraph: str, _: Gettext) -> str:
    """Of an example only what stands before it is translated, unless there are words in it."""
    said = _(paragraph)
    return _(EXAMPLE) + said.removeprefix(EXAMPLE) if said.startswith(EXAMPLE) else said


class _Help(_Formatter):  # type: ignore[misc]
    """typer's formatter, with headings in a language and lines broken by cells: a Chinese character takes two."""

    translate: Gettext = staticmethod(str)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, self.translate("Usage: ") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        super().write_heading(self.translate(heading))

    def write_text(self, text: str) -> None:
        self.write("\n\n".join(self._block(one, self.current_indent) for one in text.split("\n\n")) + "\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = _COLUMN, col_spacing: int = 2) -> None:
        column = self.current_indent + col_spacing + min(col_max, max(cells(first) for first, _ in rows))
        for first, second in rows:
            said = f"{'':{self.current_indent}}{first}"
            block = self._block(_EXTRA.sub(lambda found: self.translate(found[0]), second), column)
            room = column - cells(said) - 2
            self.write(f"{said}{block[cells(said) :] if room >= 0 else chr(10) + block}".rstrip() + "\n")

    def _block(self, text: str, indent: int) -> str:
        return "\n".join(" " * indent + line for line in broken(" ".join(text.split()), self.width - indent))
