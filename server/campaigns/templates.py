"""The templates there are: those that came with the program, and the bank's own, in `templates/` of the server's home.

The folder is looked at each time it is asked for, so a file counts as soon as it is saved.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from server.campaigns.template import BadTemplate, Template, read_template
from server.errors import Told, reason

FOLDER: Final = "templates"  # beside `checks`
MOST: Final = 100  # files
LARGEST: Final = 262_144  # bytes of a file


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
    for file in sorted(folder.glob("*.toml"))[:MOST] if folder is not None else []:
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


def _read(file: Path) -> Template:
    try:
        if file.stat().st_size > LARGEST:
            raise BadTemplate("{file} is larger than {most} bytes; a template is a page", file=file, most=LARGEST)
        return read_template(file.read_text(encoding="utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        raise BadTemplate("{file} is not UTF-8", file=file) from error
    except OSError as error:
        raise BadTemplate("{file}: {why}", file=file, why=reason(error)) from error
