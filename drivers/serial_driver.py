"""A driver whose poll is one conversation over a serial port: all of it but the conversation."""

from abc import ABC, abstractmethod
from typing import ClassVar

from drivers.base import Reading, Shared
from drivers.serial_link import Conversation, SerialLink, SerialOptions, check_serial_address


class SerialDriver(ABC):
    """What differs is `talk`; `Options`, and `hold` seconds for a port that serves no teller and answers slowly."""

    Options: ClassVar[type[SerialOptions]]
    timeout: ClassVar[float] = 10.0  # a port of this machine is done in 0.5 s; a remote one must first be reached
    goes_first: ClassVar[bool] = True  # before the teller's program starts and takes the port
    hold: ClassVar[float | None] = None

    def __init__(self, address: str, options: SerialOptions, shared: Shared) -> None:
        self._link = SerialLink(address, options, shared, hold=self.hold)

    @abstractmethod
    def talk(self) -> Conversation[Reading]:
        """Every question of one poll."""

    @staticmethod
    def check_address(address: str) -> str | None:
        return check_serial_address(address)

    async def open(self) -> None:  # noqa: B027 - most need no more
        """The port itself is opened by `poll`, to be held for no longer than the questions take."""

    async def poll(self) -> Reading:
        return await self._link.converse(self.talk())

    async def close(self) -> None:
        await self._link.close()

    async def news(self) -> bool:
        return await self._link.news()
