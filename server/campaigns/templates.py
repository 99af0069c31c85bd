"""The templates there are: those that came with the program, and the bank's own, in `templates/` of the server's home.

The folder is looked at each time it is asked for, so a file counts as soon as it is saved.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from server.campaigns.template import BadTemplate, Template, read_template
from server.checks.files import BadFile, names_in, read_text
from server.errors import Told

FOLDER: Final = "templates"  # beside `checks`
MOST: Final = 100  # files


class Kept(NamedTuple):
    """By id. `wrong`: files that cannot be used, and why."""

    templates: dict[str, Template]
    wrong: Sequence[Told]


@cache
def shipped() -> tuple[Template, ...]:
    here = sorted(files("server.campaigns").joinpath("shipped").iterdir(), key=lambda one: one.name)
    return tuple(read_template(one.read_text(encoding="utf-8"), one.name) for one in here if one.name.endswith(".toml"))


def kept(folder: Path | None) -> Kept:
    """A template of the bank with the id of a shipped one takes its place. No folder: none of the bank's."""
    found = {one.id: one for one in shipped()}
    wrong: list[Told] = []
    own: set[str] = set()
    for file in _files(folder, wrong):
        try:
            said = _read(file)
        except BadTemplate as bad:
            wrong.append(bad)
            continue
        if said.id in own:
            wrong.append(BadTemplate("{file}: another file has the id {id}", file=file, id=said.id))
            continue
        own.add(said.id)
        found[said.id] = said
    return Kept(found, wrong)


def _files(folder: Path | None, wrong: list[Told]) -> list[Path]:
    if folder is None:
        return []
    try:
        names = names_in(folder)
    except BadFile as bad:
        wrong.append(bad)
        return []
    if len(names) > MOST:
        wrong.append(BadTemplate("{file} has more than {most} files: the rest is left out", file=folder, most=MOST))
    return [folder / name for name in names[:MOST]]


def _read(file: Path) -> Template:
    try:
        return read_template(read_text(file).removeprefix("\ufeff"), str(file))
    except BadFile as bad:
        raise BadTemplate("{why}", why=bad) from bad
