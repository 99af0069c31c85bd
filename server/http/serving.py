"""Serving: SIGTERM ends everything in order, streams to screens included."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from server.authority.context import Tls
from server.http.patience import REST_SECONDS, patient_protocol, room_for
from server.state import State

YOUNG = 20_000  # objects made and not let go of before the youngest are looked through; Python's own is 700
TURN = 1e-4  # seconds a thread goes on while others wait for their turn; Python's own is 0.005
LOOK_EVERY = 600.0  # seconds between looks at the certificate
PATIENCE = 10  # seconds an answer may still take once the end is asked for


def serve(app: FastAPI, listener: socket.socket, tls: Tls | None = None) -> None:
    """Answer until SIGTERM or Ctrl+C, then return once everything taken is written. Without `tls` plain HTTP."""
    config = uvicorn.Config(
        app,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=PATIENCE,
        limit_concurrency=room_for(app.state.branchfleet.settings.connections),
        timeout_keep_alive=REST_SECONDS,
        http=patient_protocol(),
    )
    config.load()
    config.ssl = tls.context if tls else None
    _settle()
    if not app.state.branchfleet.database.sqlite:
        sys.setswitchinterval(TURN)  # each question to it gives the turn away: a third of a thread's time went by
    with _calm():
        server = _Server(config, app.state.branchfleet, tls)
        server.run(sockets=[listener])
    if not server.started:
        raise RuntimeError("the server did not start; its log says why")


def _settle() -> None:
    """Have what was imported and built looked through for garbage no more: it stays until the end.

    Each look at everything goes through some 200,000 objects, and the many small ones that records are made of would
    bring it on every second: a fifth of the processor time under load. None of those are garbage that has to be
    looked for; what is, waits longer now, but for no more than some thousands of objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)


class _Server(uvicorn.Server):
    """Ends the streams of screens before it waits for answers under way: a stream is one that would never end."""

    def __init__(self, config: uvicorn.Config, state: State, tls: Tls | None) -> None:
        super().__init__(config)
        self._state = state
        self._tls = tls

    async def main_loop(self) -> None:
        looking = asyncio.create_task(self._look())
        try:
            await super().main_loop()
        finally:
            looking.cancel()

    async def _look(self) -> None:
        """Have a new certificate in time, and take up one that somebody put there."""
        while self._tls is not None:
            await asyncio.sleep(LOOK_EVERY)
            self._tls.look()  # some milliseconds, and no handshake beside it that would read half a change

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._state.draining = True
        for _ in range(
            self._state.settings.drain_seconds * 10
        ):  # a balancer sees that it is not ready and goes elsewhere
            if self.force_exit:
                break
            await asyncio.sleep(0.1)
        self._state.ticker.close()
        self._state.hub.close()
        await asyncio.sleep(0)  # lets the streams say their end
        await super().shutdown(sockets)


@contextmanager
def _calm() -> Iterator[None]:
    """uvicorn raises the signal that ended it once more when it is done; here that is no news."""
    told = False

    def ended(_: int, __: FrameType | None) -> None:
        nonlocal told
        told = True

    before = {number: signal.signal(number, ended) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
