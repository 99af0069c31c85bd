"""By which names and addresses a browser may reach the page, and what is told to people to open.

A site can have its own name lead to this machine (DNS rebinding), and a browser then takes our page for that site's.
Its requests still carry that name, so a name counts only if somebody here said it. An address counts if the connection
came to it: no other site has it.
"""

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress

from yarl import URL

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NOWHERE = "192.0.2.1"  # of RFC 5737: nothing is sent there, but the system says from which address it would be


class Names:
    """`host` is what the page listens on, `more` what it is called besides."""

    def __init__(self, host: str, more: Iterable[str] = ()) -> None:
        self._known = {_plain(name) for name in (host, socket.gethostname(), *more)}

    def ours(self, said: str | None, arrived: str) -> bool:
        """Whether `said`, the Host of a request, may lead to `arrived`, the address its connection came to."""
        host, at = _host_of(said), _address(arrived)
        if host is None or at is None:
            return False
        meant = _address(host)
        if meant is not None:
            return meant == at or str(meant) in self._known
        return host in self._known or (host == "localhost" and at.is_loopback)


def urls(host: str, port: int) -> list[str]:
    """Where the page can be opened: of "every address" those this machine is known to have."""
    at = _address(host)
    if at is None or not at.is_unspecified:
        return [_url(host, port)]
    loopback = "::1" if at.version == 6 else "127.0.0.1"
    return [_url(one, port) for one in (loopback, *_own_addresses(at.version))]


def _own_addresses(version: int) -> Sequence[str]:
    """As far as the system tells without asking anybody. A listener on :: takes IPv6 alone."""
    found: set[str] = set()
    with suppress(OSError):
        found.update(str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None))
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect((NOWHERE, 9))
        found.add(asked.getsockname()[0])
    known = [at for at in map(_address, found) if at is not None and not at.is_loopback and not at.is_link_local]
    return [str(at) for at in sorted(known, key=int) if at.version == version]


def _host_of(said: str | None) -> str | None:
    """The name or address of a Host header, without the port."""
    try:
        host = URL(f"http://{said}").host if said else None
    except ValueError:
        return None
    return _plain(host) if host else None


def _plain(name: str) -> str:
    at = _address(name)
    return str(at) if at is not None else name.lower().rstrip(".")


def _address(text: str) -> Address | None:
    """ "[::ffff:10.0.0.1]" is 10.0.0.1; None of a name."""
    try:
        found = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
