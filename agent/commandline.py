"""What the three commands say of their own words, in Chinese or English: help, and what is wrong with a command line.

typer says both in English, in sentences made in the middle of its code. So the help is put into the language
beforehand (`helptext.py`), and an error is told anew from its kind. The texts of all three programs stand in
`locale/zh/LC_MESSAGES/agent.po`.
"""

import re
import sys
from collections.abc import Sequence
from typing import Any

import typer

from agent.helptext import spoken
from agent.inventory.problems import shown
from agent.language import language, legible, settle_streams
from agent.texts import Gettext, gettext_for

__all__ = ["language", "legible", "run", "settle_streams"]

STOPPED = 1  # by a person, at a question
USAGE = 2
DAY = "%Y-%m-%d"  # the one way a moment is said to a command
_NO_COMMAND = re.compile(r"No such command '(?P<word>.*?)'\.(?: Did you mean (?P<near>.*)\?)?")
_TOO_MUCH = re.compile(r"Got unexpected extra argument\(s\) \((?P<word>.*)\)", re.DOTALL)


def run(name: str, app: typer.Typer, words: Sequence[str] | None, lang: str) -> int:
    """Do what the command line says; its exit code. What is wrong with it is one sentence on standard error, and 2."""
    _ = gettext_for(lang)
    command, where = spoken(app, _)
    for word in sys.argv[1:] if words is None else words:
        if any("\ud800" <= letter <= "\udfff" for letter in word):  # bytes the system could not read as text
            told = _("{word} is not text in UTF-8: set the terminal to UTF-8 and type it again.")
            typer.echo(told.format(word=ascii(word)[:80]), err=True)
            return USAGE
    try:
        done = command(words, prog_name=name, standalone_mode=False)
    except typer.TyperException as error:
        said = str(error) if type(error).__name__ == "NoArgsIsHelpError" else sentence(error, where(), _)
        typer.echo(said, err=True)
        return error.exit_code
    except typer.Abort:
        typer.echo(_("Stopped."), err=True)
        return STOPPED
    return done if isinstance(done, int) else 0


def sentence(error: Any, command: str, _: Gettext) -> str:
    """What is wrong and where to read more, in one line."""
    template, values = _wrong(error)
    said = _(template).format(**values) if template else error.format_message()
    return _("{wrong} Help: {command} --help").format(wrong=said, command=command)


def _wrong(error: Any) -> tuple[str, dict[str, str]]:
    """A template and what fills it; an empty one for what typer has not said so far."""
    match type(error).__name__:
        case "NoSuchOption" if error.possibilities:
            near = ", ".join(sorted(error.possibilities))
            return "There is no option {word}. Did you mean {near}?", {"word": _typed(error), "near": near}
        case "NoSuchOption":
            return "There is no option {word}.", {"word": _typed(error)}
        case "MissingParameter":
            about = {"what": _name(error.param), "help": error.param.help or ""}
            return ("{what} is missing: {help}" if about["help"] else "{what} is missing."), about
        case "BadOptionUsage" if "not take a value" in error.message:
            return "{word} takes no value.", {"word": _typed(error)}
        case "BadOptionUsage":
            return "{word} needs a value after it.", {"word": _typed(error)}
        case "BadParameter" if error.param is not None and error.__cause__ is not None:
            return _bad_value(error)
    if error.message == "Missing command.":
        return "A command is missing.", {}
    if found := _NO_COMMAND.fullmatch(error.message):
        near = (found["near"] or "").replace("'", "")
        template = "There is no command {word}. Did you mean {near}?" if near else "There is no command {word}."
        return template, {"word": found["word"], "near": near}
    if found := _TOO_MUCH.fullmatch(error.message):
        return "Too much was said: {word}", found.groupdict()
    return "", {}


def _bad_value(error: Any) -> tuple[str, dict[str, str]]:
    detail = error.__cause__.errors()[0]
    limits, choices = detail.get("ctx", {}), error.param.type_descriptor.choices
    values = {"what": _name(error.param), "value": shown(detail["input"])}
    match detail["type"]:
        case "int_parsing" | "int_from_float":
            return "{what} cannot be {value}: it is a whole number.", values
        case "float_parsing" | "finite_number":
            return "{what} cannot be {value}: it is a number.", values
        case "greater_than_equal":
            return "{what} cannot be {value}: it is {limit} at least.", {**values, "limit": str(limits["ge"])}
        case "less_than_equal":
            return "{what} cannot be {value}: it is {limit} at most.", {**values, "limit": str(limits["le"])}
        case "value_error" if choices:
            words = ", ".join(str(getattr(choice, "value", choice)) for choice in choices)
            return "{what} cannot be {value}: it is one of {words}.", {**values, "words": words}
        case "value_error" if getattr(error.param.type_descriptor.parameter_info, "formats", None) == [DAY]:
            return "{what} cannot be {value}: it is a day, as in 2026-11-30.", values
    return "", {}


def _typed(error: Any) -> str:
    """The option as it was typed, without orders to the terminal."""
    return shown(error.option_name)[1:-1]


def _name(parameter: Any) -> str:
    """As it is typed: --branch, or INVENTORY as the docs call an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return str(max(parameter.opts, key=len))
