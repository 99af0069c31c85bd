"""The spool of an agent that starts on a full disk: it waits for room, and the server hears so meanwhile.

Nothing is polled before: what is seen must have a place to be kept in.
"""

import asyncio
import errno
import logging
import shutil
from contextlib import suppress
from uuid import uuid4

from agent.clock import Clocks
from agent.exit import Exit, Trouble
from agent.link.backoff import Backoff
from agent.link.errors import LinkError
from agent.link.link import Link
from agent.notify import BEGUN, beat, notify
from agent.settings import Settings
from agent.spool.spool import Spool, open_spool
from agent.spool.tables import SpoolError, SpoolFull, SpoolNewer, SpoolTaken
from agent.wire import VERSION, Batch, Hindered

TRY_SECONDS = 5.0
TELL_SECONDS = 20.0  # as an agent tells it whose disk is full later
ROOM = 1 << 20  # bytes: with less left than this it is the disk's fault, whatever SQLite calls it

_CODES: dict[type[SpoolError], Exit] = {
    SpoolTaken: Exit.BUSY,
    SpoolNewer: Exit.SPOOL_UNUSABLE,
    SpoolFull: Exit.CANNOT_WRITE,
}

log = logging.getLogger(__name__)


async def open_now(settings: Settings, clocks: Clocks) -> Spool | None:
    """The spool of this agent; None if the disk has no room for it. Raises Trouble for all that no waiting mends."""
    try:
        return await asyncio.to_thread(_open, settings, clocks)
    except SpoolError as error:
        if isinstance(error, SpoolFull) and _is_full(settings, error):
            return None
        raise Trouble(_CODES.get(type(error), Exit.CANNOT_WRITE), str(error), f"{error.zh}。") from error


def _open(settings: Settings, clocks: Clocks) -> Spool:
    spool, _ = open_spool(settings.spool_path, clocks, settings.spool_bytes, settings.spool_days)
    try:
        if spool.belong(settings.identity.agent):
            log.warning("This home was another agent's before. What waits goes on in a stream of its own.")
    except SpoolError:
        spool.close()
        raise
    return spool


def _is_full(settings: Settings, error: SpoolFull) -> bool:
    if error.why is Hindered.FULL:
        return True
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    try:
        return shutil.disk_usage(settings.spool_path.parent).free < ROOM
    except OSError:
        return False


async def open_at_last(
    settings: Settings, clocks: Clocks, link: Link, version: str, stop: asyncio.Event
) -> Spool | None:
    """The same as soon as there is room; None if `stop` came before."""
    log.error("The disk has no room for the spool %s: nothing is polled until there is.", settings.spool_path)
    notify(BEGUN)  # systemd would end what is not there in time
    others = [asyncio.create_task(_tell(link, clocks, version)), asyncio.create_task(beat())]
    try:
        while (spool := await open_now(settings, clocks)) is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(TRY_SECONDS):
                    await stop.wait()
                    return None
    finally:
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    log.warning("There is room for the spool; the agent begins.")
    return spool


async def _tell(link: Link, clocks: Clocks, version: str) -> None:
    """Say that the disk is full, in a stream that no record ever comes in, until cancelled."""
    stream, backoff = uuid4().hex, Backoff(link.opens)
    while True:
        said = Batch(
            version=VERSION, stream=stream, sent=clocks(), records=[], agent_version=version, hindered=Hindered.FULL
        )
        try:
            await link.send(said)
        except LinkError as error:
            await backoff.rest(error)
            continue
        backoff.succeeded()
        await asyncio.sleep(TELL_SECONDS)
