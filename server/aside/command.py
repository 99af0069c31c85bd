"""`branchfleet-server aside`: what agents sent and nobody could read."""

import json
from pathlib import Path
from typing import Annotated

import typer

from server.aside.queries import listed
from server.aside.queries import one as aside_one
from server.aside.queries import out as aside_out
from server.border import sentences
from server.command import HomeOption, JsonOption, local_time, reading, show, show_row

aside = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Batches that could not be read.")


@aside.command("list")
def aside_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what agents sent and the server could not read, the newest first.

    Example: branchfleet-server aside list
    """
    with reading(home) as (session, _):
        found = listed(session)
        rows = [aside_out(*each) for each in found]
        times = [local_time(session, row.last_at) for row, _key in found]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row, last in zip(rows, times, strict=True):
        show_row(row["id"], row["agent"], last, row["times"], row["size"], row["why"])


@aside.command("show")
def aside_show(
    id: Annotated[int, typer.Argument(help="Its number in the list.", min=1, max=(1 << 63) - 1)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the bytes as they came there.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one: what it is, why it could not be read, and with -o its bytes (the first 64 KiB).

    Example: branchfleet-server aside show 3 -o batch.bin
    """
    with sentences(home):
        with reading(home) as (session, _):
            row, key = aside_one(session, id)
            said = aside_out(row, key)
            if not as_json:
                said |= {name: local_time(session, getattr(row, name)) for name in ("first_at", "last_at")}
        if output is not None:
            output.write_bytes(row.body)
        show(said, as_json, _)
