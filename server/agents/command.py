"""`branchfleet-server agent`: who may speak as each agent, from the machine itself."""

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from server.agents import deeds as agents
from server.agents.codes import HOURS
from server.agents.queries import agents as agents_out
from server.border import language
from server.clock import utc_now
from server.command import HomeOption, JsonOption, act, changing, local_time, reading, say, show_once, show_row
from server.queries import Everything
from server.schemas.agents import AgentOut
from server.settings import default_home
from server.texts import Gettext

agent = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Agents: who may speak as each.")


AgentKey = Annotated[str, typer.Argument(help="The agent's key in the inventory.")]


@agent.command("code")
def agent_code(
    branch: Annotated[str, typer.Argument(help="The branch the PC stands in.")],
    key: Annotated[str | None, typer.Option("--agent", help="Its agent, where the branch has several.")] = None,
    hours: Annotated[int, typer.Option(help="How long the code is good, 720 at most.")] = HOURS,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a one-time code to enrol a PC as an agent with. It is shown once; an earlier one of that agent ends.

    Example: branchfleet-server agent code 1001
    """
    with changing(home) as (here, session, _):
        code, agent, until = agents.make_code(session, act(), here.key(), branch, key, hours)
        shown = {"code": str(code), "agent": agent, "until": local_time(session, until)}
    show_once(shown, as_json, _, f"branchfleet-server agent code {branch} --agent {agent}")


@agent.command("list")
def agent_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List agents: key, branch, who may speak as it, until when its code is good, from where it speaks, what is wrong.

    Example: branchfleet-server agent list
    """
    with reading(home) as (session, _):
        rows = agents_out(session, Everything(), language(home or default_home()), utc_now())
        zoned = partial(local_time, session)
        lines = [(row, zoned(row.code_until) if row.code_until else "", _heard(row, zoned, _)) for row in rows]
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], ensure_ascii=False))
        return
    for row, until, heard in lines:
        show_row(row.key, row.branch, _(row.identity.value), until, heard, "; ".join(one.title for one in row.problems))


def _heard(row: AgentOut, zoned: Callable[[int], str], _: Gettext) -> str:
    return "; ".join(f"{_(one.what)}: {one.host} {one.address} {zoned(one.at)}" for one in row.speakers)


@agent.command("withdraw")
def agent_withdraw(key: AgentKey, home: HomeOption = None) -> None:
    """Withdraw an agent's open code, and the key that waits to be confirmed.

    Example: branchfleet-server agent withdraw centre
    """
    with changing(home) as (_home, session, _):
        agents.withdraw(session, act(), key)
    say(_("The open code and the waiting key of {key} are worth nothing any more.").format(key=key))


@agent.command("confirm")
def agent_confirm(key: AgentKey, home: HomeOption = None) -> None:
    """Confirm the PC that waits: it goes on as this agent, with its positions and history, and the PC before ends.

    Example: branchfleet-server agent confirm 1001-pc
    """
    with changing(home) as (_home, session, _):
        agents.confirm(session, act(), key)
    say(
        _(
            "{key} is the PC now that waited; the one before ends. It comes in within half a minute, "
            "or five where it has waited for more than half an hour."
        ).format(key=key)
    )


@agent.command("revoke")
def agent_revoke(
    key: AgentKey,
    reason: Annotated[str, typer.Option(help="Why, for the journal.")] = "",
    home: HomeOption = None,
) -> None:
    """Let nobody speak as this agent any more, from the next request on. A new code lets a PC in again.

    Example: branchfleet-server agent revoke 1001-pc --reason "the PC was stolen"
    """
    with changing(home) as (_home, session, _):
        agents.revoke(session, act(), key, reason)
    say(_("Nobody speaks as {key} any more. A new code lets a PC in again.").format(key=key))


@agent.command("release")
def agent_release(key: AgentKey, home: HomeOption = None) -> None:
    """End a quarantine, once only one PC with this identity is left.

    Example: branchfleet-server agent release 1001-pc
    """
    with changing(home) as (_home, session, _):
        agents.release(session, act(), key)
    say(
        _("The quarantine of {key} has ended: the PC that asks first is the agent, within five minutes.").format(
            key=key
        )
    )


@agent.command("rotate")
def agent_rotate(key: AgentKey, home: HomeOption = None) -> None:
    """Have an agent make a fresh key when it next asks for a token, within the hour.

    Example: branchfleet-server agent rotate centre
    """
    with changing(home) as (_home, session, _):
        agents.ask_rotation(session, act(), key)
    say(_("{key} makes a fresh key when it next asks for a token, within the hour.").format(key=key))
