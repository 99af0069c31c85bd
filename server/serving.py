"""Serving: SIGTERM ends everything in order, streams to screens included."""

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from server.authority.context import Tls
from server.patience import patient_protocol, room_for
from server.state import State

LOOK_EVERY = 600.0  # seconds between looks at the certificate
COLLECT = (20_000, 20, 20)  # new objects, and collections of the young, before garbage in cycles is looked for
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
        http=patient_protocol(),
    )
    config.load()
    _collect_seldom()
    config.ssl = tls.context if tls else None
    with _calm():
        server = _Server(config, app.state.branchfleet, tls)
        server.run(sockets=[listener])
    if not server.started:
        raise RuntimeError("the server did not start; its log says why")


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


def _collect_seldom() -> None:
    """What stands at the start stays, and a thousand requests that are held are no garbage: looking through them again
    each time that seven hundred more objects were made was a fifth of what a push costs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


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
