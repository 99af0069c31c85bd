"""The agent's token: asked for by its key, renewed before it ends, and when the server will not have it any more.

Times are the boot clock's: no wall clock is asked. A fresh key, when the server wants one, is on the disk before the
server hears of it; until the server was heard to know it, both are tried, the fresh one first. A server that was
restored from a backup may know none of them: the key that was in force then puts this one in its place again. A key
before this one never speaks alone, so nothing that says 401 in the server's name can make it look like a copy's.
"""

import asyncio
import logging
import platform
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from agent.clock import Clocks
from agent.link.errors import Away, LinkError, Rejected
from agent.link.identity import (
    EARLIER,
    Earlier,
    Identity,
    keep_identity,
    keep_instances,
    last_instances,
    new_instance,
    new_key,
    public_of,
    sign,
)
from agent.link.link import OTHER_NUMBERS, Line
from agent.link.trust import Trust
from agent.proof import TEXT_LIMIT, rotation_message, token_message
from agent.secrets import of_this_run
from agent.spool.spool import KEPT_MICROS
from agent.wire import (
    MEDIA_MSGPACK,
    Challenge,
    ChallengeAsk,
    IdentityAsk,
    Rotation,
    RotationAsk,
    Token,
    TokenAsk,
    encode,
)

RENEWED_AT = 5 / 6  # of a token's life
AGAIN_MICROS = 60_000_000  # between two tries to renew a token that is still good

T = TypeVar("T")

log = logging.getLogger(__name__)


class Tokens:
    """One process's tokens. `begin_stream` is awaited before a token is given out that asks for other numbers."""

    def __init__(
        self,
        line: Line,
        home: Path,
        identity: Identity,
        clocks: Clocks,
        begin_stream: Callable[[], Awaitable[None]],
        trust: Trust | None = None,  # None of plain HTTP, which proves nothing
    ) -> None:
        self._line = line
        self._home = home
        self._identity = identity
        self._clocks = clocks
        self._begin_stream = begin_stream
        self._trust = trust
        self._instance = new_instance()
        self._after, self._perhaps = last_instances(home)
        self._noted = False  # that this process asked
        self._forked_at = 0  # for which a new stream was begun
        self._moved = False
        self._token = self._before = ""
        self._renew_at = self._ends_at = 0  # boot µs
        self._turn = asyncio.Lock()

    async def current(self) -> str:
        """A token that should be good. Raises LinkError."""
        async with self._turn:
            now = self._clocks().boot
            if not self._token or now >= self._renew_at:
                try:
                    await self._renew()
                except Rejected:
                    self._token = ""
                    raise
                except LinkError:
                    if not self._token or now >= self._ends_at:
                        raise
                    self._renew_at = now + AGAIN_MICROS
            if self._moved:
                self._moved = False
                raise Away(OTHER_NUMBERS)
            return self._token

    def drop(self, token: str) -> None:
        """The server will not have it."""
        if token == self._token:
            self._token = ""

    async def _renew(self) -> None:
        sent = self._clocks().boot
        token = await self._by_any_key()
        if self._identity.waiting:
            self._say(msgspec.structs.replace(self._identity, waiting=False))
        if token.forked_at not in (0, self._forked_at):
            await self._begin_stream()
            self._forked_at = token.forked_at
            self._moved = True  # whoever holds records under the old numbers must fetch them again
        if self._after != self._instance:
            self._after, self._perhaps = self._instance, []
            await asyncio.to_thread(keep_instances, self._home, self._instance)
        of_this_run().forget(self._before)
        self._before, self._token = self._token or self._before, token.token
        of_this_run().learn(token.token)
        self._ends_at = sent + token.seconds * 1_000_000
        self._renew_at = sent + int(token.seconds * 1_000_000 * RENEWED_AT)
        self._forget_earlier(token.server)
        if token.ca and self._trust is not None:
            self._trust.learn(token.ca)
        if token.rotate or self._identity.fresh:
            await self._rotate(token.server)

    async def _by_any_key(self) -> Token:
        try:
            return await self._by_either_key()
        except Rejected as error:
            if not error.unknown or not await self._known_by_earlier():
                raise
        return await self._grant(self._identity.key)

    async def _known_by_earlier(self) -> bool:
        """Whether a key before this one was still the agent's, and put this one in its place."""
        for earlier in self._identity.earlier:
            try:
                await self._put_in_place(earlier.key, self._identity.key)
            except Rejected as error:
                if not error.unknown:
                    raise
            else:
                log.info("The server knew this agent by an earlier key only; it has the later one again.")
                return True
        return False

    async def _by_either_key(self) -> Token:
        if self._identity.fresh:
            try:
                token = await self._grant(self._identity.fresh)
            except Rejected as error:
                if not error.unknown:
                    raise
            else:
                self._fresh_counts(token.server)
                return token
        return await self._grant(self._identity.key)

    async def _grant(self, key: bytes) -> Token:
        public_key = public_of(key)
        challenge = await self._challenge(public_key)
        names = (self._instance, self._after, self._perhaps)
        message = token_message(self._identity.name, public_key, challenge, *names)
        if not self._noted:  # before the server hears of this process: a kill may come before its answer
            await asyncio.to_thread(keep_instances, self._home, self._after, [*self._perhaps, self._instance])
            self._noted = True
        ask = TokenAsk(
            public_key=public_key,
            challenge=challenge,
            instance=self._instance,
            after=self._after,
            perhaps=self._perhaps,
            trusts=self._trust.prints() if self._trust is not None else [],
            host=host_name(),
            system=system_name(),
            signature=sign(key, message),
        )
        return await post(self._line, "/api/agent/token", ask, Token)

    async def _challenge(self, public_key: bytes) -> bytes:
        return (await post(self._line, "/api/agent/challenge", ChallengeAsk(public_key), Challenge)).challenge

    async def _rotate(self, server: int) -> None:
        """Put a fresh key in the old one's place. What fails here is tried again with the next token."""
        try:
            if not self._identity.fresh:
                self._keep(msgspec.structs.replace(self._identity, fresh=new_key()))
            await self._put_in_place(self._identity.key, self._identity.fresh)
            self._fresh_counts(server)
            log.info("This agent has a fresh key.")
        except LinkError as error:
            log.warning("The key is not renewed yet: %s", error.sentence)
        except OSError as error:
            log.warning("The key is not renewed yet: %s cannot be written: %s.", self._home, error.strerror)

    async def _put_in_place(self, key: bytes, fresh: bytes) -> None:
        """Signed by both, so the server knows that who had the one has the other."""
        challenge = await self._challenge(public_of(key))
        message = rotation_message(self._identity.name, public_of(key), public_of(fresh), challenge)
        ask = RotationAsk(
            public_key=public_of(key),
            fresh=public_of(fresh),
            challenge=challenge,
            by_old=sign(key, message),
            by_fresh=sign(fresh, message),
        )
        await post(self._line, "/api/agent/rotation", ask, Rotation)

    def _fresh_counts(self, server: int) -> None:
        """The server has the fresh key. The one before is kept as long as records are that a backup may lack."""
        was = Earlier(self._identity.key, server + KEPT_MICROS)
        earlier = (was, *self._identity.earlier)[:EARLIER]
        self._say(msgspec.structs.replace(self._identity, key=self._identity.fresh, fresh=b"", earlier=earlier))

    def _forget_earlier(self, server: int) -> None:
        earlier = tuple(one for one in self._identity.earlier if server < one.until)
        if earlier != self._identity.earlier:
            self._say(msgspec.structs.replace(self._identity, earlier=earlier))

    def _say(self, identity: Identity) -> None:
        """So it is, whether the disk takes it or not: its file has all that is needed to find out the same again."""
        self._identity = identity
        try:
            keep_identity(self._home, identity)
        except OSError as error:
            log.warning("%s cannot be written: %s.", self._home, error.strerror)

    def _keep(self, identity: Identity) -> None:
        keep_identity(self._home, identity)
        self._identity = identity


async def post(line: Line, path: str, ask: IdentityAsk, kind: type[T]) -> T:
    return await line.ask("POST", path, kind, content=encode(ask), headers={"Content-Type": MEDIA_MSGPACK})


def host_name() -> str:
    return socket.gethostname()[:TEXT_LIMIT]


def system_name() -> str:
    return platform.platform(terse=True)[:TEXT_LIMIT]
