"""`branchfleet-server loadtest`: how much this machine and its disk take."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from server.border import sentences
from server.command import JsonOption, act, say, show


def loadtest(
    agents: Annotated[int, typer.Option(min=1, max=20_000, help="Agents, each of a branch of its own.")] = 1000,
    positions: Annotated[int, typer.Option(min=1, max=400, help="Positions of each agent.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 20,
    rate: Annotated[
        float | None, typer.Option(min=20, help="Values a second; else as many as the server keeps up with.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=2000, help="Observations in a request.")] = 50,
    folder: Annotated[
        Path | None, typer.Option(help="A folder on the disk to be tried; else that of temporary files.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="URL of an empty PostgreSQL database, which is filled and left so.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Try how much this machine and its disk take: agents that send what agents send, to a server of its own.

    It makes a home, a server and a bank for itself, and takes them away at the end; no server that is set up here is
    met. Every observation has 20 numbers, of which a quarter changed; one in a hundred opens a condition or closes it,
    one in twenty comes twice.

    Example: branchfleet-server loadtest --agents 1000 --folder /var/lib
    """
    from server.loadtest.agents import VALUES
    from server.loadtest.figures import machine
    from server.loadtest.told import of_load
    from server.loadtest.trial import Asked, trial

    with sentences(None) as (_path, _):
        say(_("A server of its own is made and filled; this takes a minute or two."))
        asked = Asked(agents, positions, batch, seconds, None if rate is None else rate / VALUES, database)
        with tempfile.TemporaryDirectory(prefix="branchfleet-loadtest-", dir=folder) as own:
            made = trial(Path(own), asked, act())
        if as_json:
            show(made.plain() | {"machine": machine()}, as_json, _)
        else:
            print(*of_load(made, machine(), _), sep="\n")
