"""`branchfleet-server aside`: what agents sent and nobody could read."""

import json
from pathlib import Path
from typing import Annotated

import typer

from server.aside.queries import listed
from server.aside.queries import one as aside_one
from server.aside.queries import out as aside_out
from server.border import sentences
from server.command import HomeOption, JsonOption, reading, show, show_row

aside = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Batches that could not be read.")


@aside.command("list")
def aside_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what agents sent and the server could not read, the newest first.

    Example: branchfleet-server aside list
    """
    with reading(home) as session:
        rows = [aside_out(*each) for each in listed(session)]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        show_row(*(row[key] for key in ("id", "agent", "last_at", "times", "size", "why")))


@aside.command("show")
def aside_show(
    id: Annotated[int, typer.Argument(help="Its number in the list.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the bytes as they came there.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one: what it is, why it could not be read, and with -o its bytes (the first 64 KiB).

    Example: branchfleet-server aside show 3 -o batch.bin
    """
    with sentences(home):
        with reading(home) as session:
            row, key = aside_one(session, id)
            said = aside_out(row, key)
        if output is not None:
            output.write_bytes(row.body)
        show(said, as_json)
