"""`branchfleet-server apply PATH`: read the inventory, show the plan, ask, do."""

import sys
from collections.abc import Callable
from pathlib import Path

import typer
from sqlmodel import Session, select

from agent.inventory.read import read_inventory
from server.errors import Conflict, Told
from server.inventory.deeds import apply, planned, refuse_blocked
from server.inventory.plan import Plan
from server.inventory.told import plain_secrets, secret_names, tell, who_polls
from server.journal.deeds import Act
from server.secrets.tables import Secret
from server.storage.database import Database
from server.texts import Gettext, gettext_for

Ask = Callable[[str], bool]


class Proposed(Told):
    """What `discover` wrote for trying out: applied, it would rename the bank."""


def ask_at_terminal(question: str) -> bool:
    """Yes or no; whoever cannot be asked says no."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False


def apply_path(database: Database, path: Path, act: Act, *, yes: bool, lang: str, ask: Ask = ask_at_terminal) -> None:
    """Apply the inventory at `path`. The plan goes to stdout; what is asked and told goes to stderr."""
    _ = gettext_for(lang)
    inventory = read_inventory(path)
    if inventory.bank.proposed:
        raise Proposed(
            "{path} was proposed by `branchfleet-agent discover` and names no bank: take its [[position]] tables into "
            "your inventory. To begin one with it, name your bank and take the line `proposed` out.",
            path=path,
        )
    with database.read() as session:
        shown = planned(session, inventory)
        missing = _unset(session, shown)
    for line in tell(shown, _):
        print(line)
    for sentence in (*who_polls(inventory, _), *_warnings(shown, missing, _)):
        _say(sentence)
    refuse_blocked(shown)
    if not shown:
        return
    if not yes and not ask(_("Apply this?")):
        raise Conflict("Nothing was changed.")
    with database.write() as session:
        apply(session, act, inventory, shown)
    _say(_("Applied."))


def _warnings(shown: Plan, missing: list[str], _: Gettext) -> list[str]:
    """What would work badly, though it can be done."""
    said = []
    if plain := plain_secrets(shown):
        template = _('{count} options hold a secret in plain, first at {key}; write "secret:NAME" instead.')
        said.append(template.format(count=len(plain), key=plain[0]))
    for name in missing:
        said.append(_("The secret {name} is not set yet: branchfleet-server secret set {name}").format(name=name))
    return said


def _unset(session: Session, shown: Plan) -> list[str]:
    known = set(session.exec(select(Secret.name)))
    return sorted(secret_names(shown) - known)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
