"""A host that accepts TCP connections and says nothing, for lines and for whatever has only an address.

Silent and slow: its accept queue is full, so Linux drops what asks to connect, as a cut line would. Hang-up: the port
is closed and the connection refused. What half an answer or garbage would be, nobody asks.
"""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

from drivers.reach import ReachOptions
from drivers.sim.base import Fault, Showed, check_options, check_state, read_port

_FILLERS = 4
_QUEUE = 16


class ReachSimulator:
    def __init__(self, name: str, state: dict[str, str], port: int = 0) -> None:
        self.name = name
        self.state = state
        self.showed: Showed | None = None
        self._fault = Fault.NONE
        self._address = ("127.0.0.1", port)
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._fillers: list[socket.socket] = []

    async def start(self) -> str:
        self._listen()
        return f"{self._address[0]}:{self._address[1]}"

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self._fault = fault
        self._stop()
        if fault is Fault.HANG_UP:
            return
        if fault in (Fault.SILENT, Fault.SLOW):
            self._open().listen(0)
            for _ in range(_FILLERS):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(self._address)
                self._fillers.append(filler)
            return
        self._listen()

    def _open(self) -> socket.socket:
        listener = self._listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self._address)
        listener.setblocking(False)
        self._address = listener.getsockname()
        return listener

    def _listen(self) -> None:
        listener = self._open()
        listener.listen(_QUEUE)
        self._accepting = asyncio.get_running_loop().create_task(self._accept(listener))

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            with suppress(ConnectionError):
                caller, _ = await asyncio.get_running_loop().sock_accept(listener)
                caller.close()
                if self.showed is not None:
                    self.showed(self.name, dict(self.state))

    def _stop(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
            if self._listener is not None:
                with suppress(NotImplementedError):  # only a selector's loop may already have it among what is ready
                    asyncio.get_running_loop().remove_reader(self._listener)
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def close(self) -> None:
        accepting = self._accepting
        self._stop()
        if accepting is not None:
            await asyncio.wait([accepting])


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> ReachSimulator:
    check_options("a simulated host", options, ReachOptions)
    check_state("a simulated host", state, {})
    return ReachSimulator(name, state, read_port(options))
