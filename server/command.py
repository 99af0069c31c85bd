"""What every command of `branchfleet-server` is made of: its home, who does it, and how it prints.

The commands stand beside what they are about, as `command.py` of that folder; `cli.py` puts them together.
"""

import getpass
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from server.border import end, give_up_output, sentences
from server.clock import utc_now
from server.errors import reason
from server.exit import Exit
from server.home import Home
from server.journal.clock import refuse_a_leap
from server.journal.deeds import Act
from server.labels import label, word
from server.plain import cells, plain
from server.queries import bank_zone
from server.texts import Gettext

HomeOption = Annotated[Path | None, typer.Option("--home", help="The server's folder; else BRANCHFLEET_HOME.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def act(via: str = "cli") -> Act:
    """The deed's who and when: at a command the person is the machine's user."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "?"
    return Act(actor=f"os:{user}"[:80], via=via, now=utc_now())


def local_time(session: Session, at: int) -> str:
    """UTC µs as the bank's clocks say it, with the zone's distance: 2026-11-22 10:42+08:00."""
    return datetime.fromtimestamp(at / 1_000_000, bank_zone(session)).isoformat(sep=" ", timespec="minutes")


def show(values: dict[str, Any], as_json: bool, _: Gettext) -> None:
    if as_json:
        print(json.dumps(values, ensure_ascii=False))
        return
    labels = {name: label(name, _) for name in values}
    width = max(map(cells, labels.values()))
    for name, value in values.items():
        print(f"{labels[name]}{' ' * (width - cells(labels[name]))}  {plain(word(value, _))}")


def show_row(*values: object) -> None:
    """One line of a list, for people and `cut`: what is in it moves no cursor and makes no column."""
    print(*map(plain, values), sep="\t")


def show_once(values: dict[str, Any], as_json: bool, _: Gettext, again: str) -> None:
    """What nobody can be told again, once it is durable: what a full disk took back must not have been read by anybody.

    Where it cannot be shown nobody knows it, and `again` is the command that makes another.
    """
    with told_or(again, _):
        show(values, as_json, _)


@contextmanager
def told_or(again: str, _: Gettext) -> Iterator[None]:
    """What is printed within is on its way when this ends; else the command ends, and says how to have another."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        give_up_output()
        said = _("It is made, but could not be shown ({why}): nobody knows it. Make another: {again}")
        end(Exit.CANNOT_WRITE, said.format(why=reason(error).say(_), again=again))


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def changing(home: Path | None) -> Iterator[tuple[Home, Session, Gettext]]:
    """A home, a session to change it in, and how to say what was done."""
    with sentences(home) as (path, _):
        here = Home(path)
        with here.database() as database, database.write() as session:
            refuse_a_leap(session, utc_now())
            yield here, session, _


@contextmanager
def reading(home: Path | None) -> Iterator[tuple[Session, Gettext]]:
    with sentences(home) as (path, _), Home(path).database() as database, database.read() as session:
        yield session, _
