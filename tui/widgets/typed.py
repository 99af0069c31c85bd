"""Keys in the order they were typed."""

import asyncio
from typing import Any

from textual.screen import Screen


async def all_typed(screen: Screen[Any]) -> None:
    """Wait until the field with the focus has taken every key typed so far.

    A key that acts before the fields see it (Enter sends a form) is otherwise quicker than the letters before it: the
    last of a fast typist, or a whole password from a key that types it.
    """
    field = screen.focused
    if field is not None:
        taken = asyncio.Event()
        field.call_later(taken.set)
        await taken.wait()
