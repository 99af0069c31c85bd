"""Where an ATM is asked: what an inventory writes, the ports of the standard, where a publisher says its services are.

A publisher is at ws(s)://HOST:PORT/xfs4iot/v1.0 and its services below it, all on ports of the same machine. A service
is looked for at the host of the inventory, whatever host its publisher names: it often names "localhost", and an ATM
shall not send an agent elsewhere.
"""

import ipaddress
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from drivers.reach import split

PATH = "/xfs4iot/v1.0"
PLAIN_PORT, SECURE_PORT = 80, 443
PORTS = (PLAIN_PORT, SECURE_PORT, *range(5846, 5857))  # in the order of the standard
SERVICES = 16  # of one machine; more are not read
_NAME = re.compile(r"[A-Za-z0-9_-]{1,24}")
_SERVICE_PATH = re.compile(r"/[A-Za-z0-9_./~%-]{0,199}")


def check(address: str) -> str | None:
    try:
        publishers(address, secure=False)
    except ValueError:
        return f"is not HOST, HOST:PORT, or ws://HOST:PORT{PATH} (wss:// with TLS)"
    return None


def publishers(address: str, *, secure: bool) -> list[str]:
    """Where the publisher may be, in the order to try. `secure`: with TLS, but for an address that says ws:// itself.
    ValueError if it is no address."""
    if "://" in address:
        return [_url(address)]
    host, port = split(address)
    ports = (port,) if port else tuple(one for one in PORTS if not (secure and one == PLAIN_PORT))
    return [_join("wss" if secure or one == SECURE_PORT else "ws", host, one) for one in ports]


def _url(address: str) -> str:
    parts = urlsplit(address)
    host, port = split(parts.netloc)
    if parts.scheme not in ("ws", "wss") or parts.query or parts.fragment:
        raise ValueError(address)
    if parts.path and not _SERVICE_PATH.fullmatch(parts.path):
        raise ValueError(address)
    return _join(parts.scheme, host, port or _default(parts.scheme), parts.path.rstrip("/") or PATH)


def _default(scheme: str) -> int:
    return SECURE_PORT if scheme == "wss" else PLAIN_PORT


def _join(scheme: str, host: str, port: int, path: str = PATH) -> str:
    try:
        bracketed = f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:
        bracketed = host
    return f"{scheme}://{bracketed}:{port}{path}"


def services(publisher: str, told: Any) -> dict[str, str]:
    """Names and addresses of the services of a GetServices payload, at the publisher's host. Those whose address
    cannot be read, or is without TLS though the publisher's is not, are left with an empty one."""
    found: dict[str, str] = {}
    for number, item in enumerate(islice(told if isinstance(told, list) else [], SERVICES), 1):
        uri = item.get("serviceURI") if isinstance(item, dict) else None
        url = _service(publisher, uri) if isinstance(uri, str) else ""
        name = url.rstrip("/").rpartition("/")[2]
        if url and url in found.values():
            continue
        found[_unused(name if _NAME.fullmatch(name) else f"service{number}", found)] = url
    return found


def _service(publisher: str, uri: str) -> str:
    ours = urlsplit(publisher)
    try:
        parts = urlsplit(uri)
        port = parts.port or _default(parts.scheme)
    except ValueError:
        return ""
    weaker = ours.scheme == "wss" and parts.scheme != "wss"
    if parts.scheme not in ("ws", "wss") or weaker or not _SERVICE_PATH.fullmatch(parts.path):
        return ""
    return _join(parts.scheme, ours.hostname or "", port, parts.path)


def _unused(name: str, taken: Iterable[str]) -> str:
    """Two services of one name on two ports: the second is "Printer-2"."""
    if name not in taken:
        return name
    return next(other for number in range(2, SERVICES + 2) if (other := f"{name[:21]}-{number}") not in taken)
