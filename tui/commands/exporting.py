"""An Excel workbook the server makes, written to a file: whole or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.said import narrate, stop
from tui.exit import Exit
from tui.texts import _

if TYPE_CHECKING:
    from tui.client import Client

Output = Annotated[str, typer.Option("-o", "--output", help="The Excel file to write.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


async def save(client: "Client", path: str, output: str, force: bool, **asked: str | None) -> None:
    from tui.files import CannotWrite, Exists, write

    async with client.export(path, **asked) as download:
        try:
            size = await write(Path(output), download.chunks, force=force, progress=lambda _done: None)
        except Exists:
            stop(Exit.CANNOT_WRITE, _("{path} is there already; --force replaces it.").format(path=output))
        except CannotWrite as error:
            stop(Exit.CANNOT_WRITE, _("The file cannot be written: {why}").format(why=error))
        narrate(
            _("{path} is written: {size} bytes, {rows} rows.").format(
                path=output, size=f"{size:,}", rows=download.rows or "?"
            )
        )
