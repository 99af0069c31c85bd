"""What this machine is called by those who connect to it."""

import ipaddress
import socket
from collections.abc import Iterable

ALWAYS = ("localhost", "127.0.0.1", "::1")
_NOWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))  # RFC 5737, RFC 3849: no machine's


def own_names(host: str, more: Iterable[str]) -> set[str]:
    """Loopback, the host's name and the addresses it would send from, where it listens, and what the settings add.

    No name server is asked: it may be away for minutes, and what it says is not this machine's word.
    """
    names = {*ALWAYS, socket.gethostname(), *_addresses(), host, *more}
    return {canonical(name) for name in names if sound(name) and not _everywhere(name)}


def canonical(name: str) -> str:
    """As a certificate says it back: an address in its one form and without a zone, which is this machine's alone."""
    address = _address(name)
    if address is None:
        return name
    return str(ipaddress.ip_address(address.packed))


def sound(name: str) -> bool:
    """Whether a certificate can say it: an address, or a host name in ASCII."""
    if _address(name) is not None:
        return True
    labels = name.split(".")
    return 0 < len(name) <= 253 and all(
        0 < len(label) <= 63 and label.isascii() and label.replace("-", "").isalnum() for label in labels
    )


def _addresses() -> set[str]:
    found = set()
    for family, nowhere in _NOWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect((nowhere, 9))  # of a datagram socket: chooses a route, sends nothing
                found.add(str(asking.getsockname()[0]))
        except OSError:  # no such route
            continue
    return found


def _everywhere(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_unspecified


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
