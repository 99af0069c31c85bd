"""A third party's driver that minds nothing: it puts its password into whatever it says. `how` says where."""

import asyncio
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from drivers.base import DeviceWord, DriverOptions, Reading, Shared
from drivers.errors import Garbled, Reason, Refused


class LeakyOptions(DriverOptions):
    password: str
    how: str = "crash"


class Number(BaseModel):
    number: int


class Leaky:
    Options: ClassVar[type[DriverOptions]] = LeakyOptions
    timeout: ClassVar[float] = 2.0

    def __init__(self, address: str, options: LeakyOptions, shared: Shared) -> None:
        self._password = options.password
        self._how = options.how
        if self._how == "make":
            raise RuntimeError(f"cannot log in as root:{self._password}")

    @staticmethod
    def check_address(address: str) -> str | None:
        return None

    async def open(self) -> None:
        if self._how == "open":
            raise OSError(5, self._password, Path(self._password.replace("\0", "")))

    async def poll(self) -> Reading:
        said = self._password
        await asyncio.sleep(0)
        if self._how == "refused":
            raise Refused(Reason.WRONG_SECRET, "x" * 990 + f"the password {said} is wrong", raw=b"pw=" + _bytes(said))
        if self._how == "garbled":
            raise Garbled(Reason.BAD_FRAME, f"{said!r} came back", raw=b"\x15" * 4090 + _bytes(said))
        if self._how == "number":
            Number.model_validate({"number": said * 3})
        if self._how == "crash":
            try:
                raise KeyError(said)
            except KeyError as error:
                error.add_note(f"tried {said!r}")
                raise RuntimeError(f"{{'password': {said!r}}}") from error
        return Reading(device=DeviceWord.ONLINE, raw={"login": b"hello " + _bytes(said)})

    async def close(self) -> None:
        if self._how == "close":
            raise ValueError(f"logout of {_bytes(self._password)!r} failed")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
