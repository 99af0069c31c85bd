"""Taking the port, before anything else is done: one in use is told as such, and nothing has happened; and whether
somebody listens on one."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import Told, reason


class AddressTaken(Told):
    """Another program listens there."""


class NoSuchAddress(Told):
    """This machine cannot listen there."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens, for as long as the block runs; AddressTaken or NoSuchAddress if there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        if os.name == "posix":  # on Windows it would let a second server take the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(512)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                sentence = "{host}:{port} is in use by another program; end it, or choose another with --port."
                raise AddressTaken(sentence, host=host, port=port) from None
            if error.errno == errno.EADDRNOTAVAIL:
                sentence = "The server cannot listen on {host}:{port}: this machine has no such address."
                raise NoSuchAddress(sentence, host=host, port=port) from None
            sentence = "The server cannot listen on {host}:{port}: {why}."
            raise NoSuchAddress(sentence, host=host, port=port, why=reason(error)) from None
        yield listener


def answers(host: str, port: int, seconds: float = 1.0) -> bool:
    """Whether a program takes connections there.

    While none does, the system may give a connection to this machine the very port it asks for, and it meets itself.
    """
    try:
        with socket.create_connection((host, port), seconds) as line:
            return bool(line.getsockname() != line.getpeername())
    except OSError:
        return False
