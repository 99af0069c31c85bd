"""A host that nobody can log in to, and that posts what it says of itself by a scheduled task: `host/posted`.

The address is where this agent takes it, and where the host's script posts to. The agent opens it when it first polls
such a position, and closes it when the last of that address is gone (`postbox.py`).
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar

import msgspec

from drivers.base import DeviceWord, DriverOptions, FactSheet, Reading, Shared
from drivers.errors import DeviceError, Reason, Unreachable
from drivers.host.postbox import Box, Post, Postbox
from drivers.options import SECRET
from drivers.reach import split

HOUR = 3600.0
IDENTITY = {
    "name": "host.name",
    "os": "os.name",
    "kernel": "kernel",
    "maker": "machine.maker",
    "model": "machine.model",
    "serial": "machine.serial",
}


class PostedOptions(DriverOptions):
    """`key`: what the host signs with. `listen`: where to listen, if not at the address itself ("0.0.0.0")."""

    key: Annotated[str, msgspec.Meta(min_length=16, max_length=256), SECRET]
    listen: Annotated[str, msgspec.Meta(max_length=64)] = ""
    silent: Annotated[float, msgspec.Meta(gt=0, le=720)] = 26.0  # hours without a post until nothing is known of it


class Posted:
    Options: ClassVar[type[PostedOptions]] = PostedOptions
    timeout: ClassVar[float] = 10.0

    def __init__(self, address: str, options: PostedOptions, shared: Shared) -> None:
        host, port = split(address)
        self._place = options.listen or host, port or 0
        self._options = options
        self._shared = shared
        self._box = Box(options.key.encode(), shared.home)

    @staticmethod
    def check_address(address: str) -> str | None:
        try:
            known = split(address)[1] is not None
        except ValueError:
            known = False
        return None if known else "is not HOST:PORT, where this agent takes what is posted"

    def be(self, position: str) -> None:
        self._box.position = position

    async def open(self) -> None:
        await (await self._shared.get(Postbox)).put_up(*self._place, self._box)

    async def poll(self) -> Reading:
        """Of the newest post. An error where there is none, it is too old, or a later one was unreadable."""
        self._box.came.clear()
        post = self._newest()
        facts = next((sheet.facts for sheet in post.sheets if sheet.topic == "host"), {})
        return Reading(
            device=DeviceWord.ONLINE,
            parts=_parts({name: said for sheet in post.sheets for name, said in sheet.facts.items()}),
            texts={"script": f"SHA256 {facts.get('script.sha256', '')}", "posted.from": post.peer},
            identity={key: said for key, name in IDENTITY.items() if isinstance(said := facts.get(name), str)},
            as_of=post.at,
        )

    def _newest(self) -> Post:
        box = self._box
        if box.wrong is not None:
            raise box.wrong
        if box.post is None:
            raise _silent("it has not posted, as far as this agent knows")
        if time.monotonic() - box.post.heard > self._options.silent * HOUR:
            raise _silent(f"it posted last at {datetime.fromtimestamp(box.post.at / 1e6, UTC):%Y-%m-%d %H:%M} UTC")
        return box.post

    async def news(self) -> bool:
        return await self._box.came.wait()

    def has_told(self) -> bool:
        return self._box.news

    async def facts(self) -> list[FactSheet]:
        """What was posted since they were asked for last: each post once, so that nothing old is told as of now."""
        if not self._box.news:
            self._newest()
            raise _silent("it has not posted anew; it posts at its own time, and cannot be asked")
        self._box.news = False
        return list(self._newest().sheets)

    async def close(self) -> None:
        """What listens goes on listening: a post comes at any time."""


def _parts(facts: Mapping[str, object]) -> dict[str, str]:
    """As they were when it posted; what it did not say is not spoken of."""
    found: dict[str, str] = {}
    if isinstance(pending := facts.get("reboot.pending"), bool):
        found["reboot"] = "pending" if pending else "none"
    watched = [said for name, said in facts.items() if name.startswith("av.") and name.endswith(".realtime")]
    if watched:
        found["antivirus"] = "running" if True in watched else "stopped"
    return found


def _silent(detail: str) -> DeviceError:
    return Unreachable(Reason.NOT_POSTED, detail)
