"""`branchfleet-server person`: people and their roles, from the machine itself."""

import json
from typing import Annotated

import typer

from server.accounts.deeds import add_person, disable_person, locked, reset_password
from server.accounts.passwords import Passwords
from server.accounts.queries import people, person_out
from server.clock import utc_now
from server.command import HomeOption, JsonOption, act, changing, reading, show_once, show_row
from server.schemas.people import Role

person = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="People and their roles.")


@person.command("add")
def person_add(
    login: Annotated[str, typer.Argument(help="Small letters, digits, '.', '_' and '-'.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
    role: Annotated[Role, typer.Option(help="branch, head or auditor.")],
    branch: Annotated[list[str] | None, typer.Option(help="For the role branch: codes of what they may see.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person; prints a one-time password, once.

    Example: branchfleet-server person add wang --name 王某 --role branch --branch 1001
    """
    with changing(home) as (here, session, _):
        passwords = Passwords(here.settings.password_memory)
        password = add_person(session, act(), passwords, login=login, name=name, role=role, branches=branch or [])
    show_once({"login": login, "password": password}, as_json, _, f"branchfleet-server person reset {login}")


@person.command("list")
def person_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List people: login, role, name, branches, and what keeps them out.

    Example: branchfleet-server person list
    """
    with reading(home) as (session, _):
        now = utc_now()
        rows = [
            person_out(session, one).model_dump(mode="json")
            | {"disabled": one.disabled_at is not None, "locked": locked(one, now)}
            for one in people(session)
        ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        kept_out = ",".join(_(word) for word in ("disabled", "locked", "must_change") if row[word])
        show_row(row["login"], row["role"], row["name"], ",".join(row["branches"]), kept_out)


@person.command("reset")
def person_reset(
    login: Annotated[str, typer.Argument(help="Whose password.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Give a person a new one-time password; unlocks the account and ends its sign-ins.

    Example: branchfleet-server person reset wang
    """
    with changing(home) as (here, session, _):
        password = reset_password(session, act(), Passwords(here.settings.password_memory), login)
    show_once({"login": login, "password": password}, as_json, _, f"branchfleet-server person reset {login}")


@person.command("disable")
def person_disable(login: Annotated[str, typer.Argument(help="Whose access.")], home: HomeOption = None) -> None:
    """Take a person's access away. What they did stays in the journal.

    Example: branchfleet-server person disable wang
    """
    with changing(home) as (_home, session, _):
        disable_person(session, act(), login)
