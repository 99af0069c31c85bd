"""What Alembic runs for each command; `server.migrations` hands in the connection, in a transaction of its own."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from server.storage.tables import is_compared, metadata
from server.storage.types import Json


def _render(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Column types in the words of plain SQLAlchemy, so that a revision never imports what may change later."""
    if kind == "type" and isinstance(item, Json):
        return "sa.Text()"
    if kind == "type" and type(item).__name__ == "AutoString":
        return f"sa.String({item.length or ''})"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=_render,
    include_object=is_compared,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
