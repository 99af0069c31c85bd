"""Looking for what speaks XFS4IoT: a websocket at the standard's path, and where there is one, which services it has.

Most hosts that are asked are none of ours, and to a web server the first is a page it does not have.
"""

import asyncio
import ssl
from urllib.parse import urlsplit

from drivers.atm.address import publishers
from drivers.atm.message import GET_SERVICES
from drivers.atm.service import Service
from drivers.atm.xfs4iot import PORT_SECONDS, Xfs4IotOptions, identity
from drivers.base import Found, Turn
from drivers.errors import DeviceError, Garbled, Reason, Unreachable

_NOBODY = (Reason.NAME_UNKNOWN, Reason.NO_ROUTE)  # then no other port is tried


async def look(address: str, options: Xfs4IotOptions, turn: Turn) -> Found | None:
    tls: ssl.SSLContext | None = None
    for url in publishers(address, secure=options.secure):
        publisher = Service("publisher", url)
        if publisher.is_secure and tls is None:
            tls = await asyncio.to_thread(options.context)
        await turn()
        try:
            await publisher.open(tls if publisher.is_secure else None, PORT_SECONDS)
            answer = await publisher.ask(GET_SERVICES, options.wait)
        except DeviceError as error:
            if publisher.is_kept and not isinstance(error, Unreachable | Garbled):
                raise
            if error.reason in _NOBODY:
                return None
        else:
            if isinstance(answer.payload.get("services"), list):
                return Found(address=urlsplit(url).netloc, cls="atm", identity=identity(answer))
        finally:
            await publisher.close()
    return None
