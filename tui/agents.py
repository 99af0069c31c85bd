"""`branchfleet agent show`: one agent, and what its PC said of itself."""

from typing import TYPE_CHECKING, Annotated

import typer

from tui.exit import Exit
from tui.said import Json, answer, narrate, stop
from tui.texts import _

if TYPE_CHECKING:
    from tui.client import Client

app = typer.Typer(rich_markup_mode=None)
agent_app = typer.Typer(rich_markup_mode=None, epilog="Example: branchfleet agent show 1001-pc", no_args_is_help=True)
app.add_typer(agent_app, name="agent")


@agent_app.callback()
def agent() -> None:
    """One agent, and the PC it runs on."""


@agent_app.command(epilog="Example: branchfleet agent show 1001-pc")
def show(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The agent's key in the inventory.", show_default=False)],
    json: Json = False,
) -> None:
    """Show an agent, and what its PC said of itself: system, memory, disks, addresses, and how old that is."""
    from tui.hosts import age, pairs
    from tui.listed import aligned
    from tui.marks import IDENTITIES, STANDINGS
    from tui.plain import plain, to_json
    from tui.times import ago

    async def ask(client: "Client") -> None:
        agent = next((one for one in await client.agents() if one.key == key), None)
        if agent is None:
            stop(Exit.NO_SUCH_THING, _("There is no agent {key}.").format(key=plain(key)))
        facts = await client.facts(key)
        if json:
            typer.echo(to_json({**agent.model_dump(mode="json"), "facts": facts.model_dump(mode="json")}))
            return
        now = client.now()
        state = STANDINGS[agent.standing]
        told = [
            (_("Agent"), f"{agent.name} · {agent.key} · {agent.branch}"),
            (_("State"), f"{state.shape} {state.title} · {IDENTITIES[agent.identity].title}"),
            (_("Heard"), ago(agent.seen_at, now)),
            (_("Version"), agent.version or "—"),
        ]
        for line in aligned([[plain(name), plain(value)] for name, value in [*told, *pairs(facts)]]):
            typer.echo(line)
        narrate(_("What its PC said of itself: {age}").format(age=plain(age(facts, now))))

    answer(context, ask)
