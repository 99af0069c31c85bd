"""`branchfleet-server journal`: does it hold?"""

import typer

from server.command import HomeOption, JsonOption, reading, show
from server.exit import Exit
from server.journal.verify import check

journal = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The journal of deeds.")


@journal.command("check")
def journal_check(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check every row and link of the journal; ends with an error if one does not hold.

    Example: branchfleet-server journal check
    """
    with reading(home) as (session, _):
        found = check(session)
    show(found.model_dump(mode="json"), as_json, _)
    if not found.ok:
        raise typer.Exit(Exit.DATABASE)
