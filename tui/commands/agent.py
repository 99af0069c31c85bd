"""`branchfleet agent`: one agent, what its PC said of itself, and what changed in that."""

from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.said import Json, answer, narrate, stop
from tui.exit import Exit
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
    """Show an agent, and what its PC said of itself: system, disks, addresses, antivirus, updates, ports, and how old
    that is. What could not be read is said, with the reason."""
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.host import age, pairs
    from tui.words.marks import IDENTITIES, STANDINGS
    from tui.words.security import TOPICS, security
    from tui.words.times import ago

    async def ask(client: "Client") -> None:
        agent = next((one for one in await client.agents() if one.key == key), None)
        if agent is None:
            stop(Exit.NO_SUCH_THING, _("There is no agent {key}.").format(key=plain(key)))
        facts = await client.facts(key, *() if json else TOPICS)
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
        for line in aligned(
            [[plain(name), plain(value)] for name, value in [*told, *pairs(facts), *security(facts, now)]]
        ):
            typer.echo(line)
        narrate(_("What its PC said of itself: {age}").format(age=plain(age(facts, now))))

    answer(context, ask)


@agent_app.command(epilog="Example: branchfleet agent changes 1001-pc --limit 20")
def changes(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The agent's key in the inventory.", show_default=False)],
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 100,
    json: Json = False,
) -> None:
    """Show what changed in what an agent's PC says of itself: of a list what went and what came."""
    from tui.commands.listed import aligned
    from tui.plain import plain, to_json
    from tui.words.security import value_text
    from tui.words.times import full

    async def ask(client: "Client") -> None:
        page = await client.fact_changes(key, limit=limit)
        if json:
            typer.echo(to_json(page.model_dump(mode="json")))
            return
        head = [_("Time"), _("Fact"), _("Before"), _("Now")]
        rows = [[full(row.at), row.name, value_text(row.before), value_text(row.after)] for row in page.rows]
        for line in aligned([head, *([plain(cell) for cell in row] for row in rows)]):
            typer.echo(line)
        narrate(_("{shown} of {total} changes").format(shown=len(rows), total=page.total))

    answer(context, ask)
