"""A third party's driver, installed by entry point as theirs are: a lamp whose state is a JSON file.

    {"device": "online", "numbers": {...}, ...}    a reading
    {"error": "Unreachable", "reason": "noAnswer"} a DeviceError
    {"waits_for": PATH} {"hang": true} {"crash": true} {"type": true} {"hang_on_close": true}

`lamp_host` is a lamp that also tells facts, {"facts": {TOPIC: {...}}, "unread": {...}}, after the same errors.

Beside the file, FILE.log gets a line for each open and close, so that tests see polls that overlap.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar

from drivers import errors
from drivers.base import DeviceWord, DriverOptions, FactSheet, Reading, Shared


class LampOptions(DriverOptions):
    password: str = ""
    watts: int = 40


class Lamp:
    Options: ClassVar[type[DriverOptions]] = LampOptions
    timeout: ClassVar[float] = 0.3

    def __init__(self, address: str, options: LampOptions, shared: Shared) -> None:
        self._path = Path(address)

    @staticmethod
    def check_address(address: str) -> str | None:
        return None if address.startswith("/") else "is not a path"

    async def open(self) -> None:
        self._log("open")
        await asyncio.sleep(0)

    async def poll(self) -> Reading:
        said: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        if "error" in said:
            kind = getattr(errors, said["error"])
            known = {"parts": said["parts"]} if "parts" in said else {}
            raise kind(errors.Reason(said["reason"]), said.get("detail", "the lamp is dark"), raw=b"\x15", **known)
        if said.pop("hang", False):
            await asyncio.sleep(3600)
        if said.pop("crash", False):
            raise KeyError("bulb")
        if said.pop("type", False):
            return Reading(device=DeviceWord.ONLINE, parts={"cover": 7})  # type: ignore[dict-item]
        await asyncio.sleep(said.pop("takes", 0))
        if "waits_for" in said:
            other = Path(said.pop("waits_for"))
            while not other.exists():  # noqa: ASYNC110, ASYNC240
                await asyncio.sleep(0.005)
        said.pop("facts", None)
        said.pop("unread", None)
        return Reading(**{**said, "device": DeviceWord(said["device"])})

    async def close(self) -> None:
        if "hang_on_close" in self._path.read_text(encoding="utf-8"):
            await asyncio.sleep(3600)
        self._log("close")

    def _log(self, word: str) -> None:
        with self._path.with_suffix(".log").open("a", encoding="utf-8") as log:
            log.write(word + "\n")


class Host(Lamp):
    async def facts(self) -> list[FactSheet]:
        await self.poll()
        said: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return [FactSheet(topic, facts, said.get("unread", {})) for topic, facts in said["facts"].items()]
