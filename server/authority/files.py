"""The files of the home's folder `tls`.

authority.pem   the CA in force, its certificate with its key, 0600
next.pem        in a change: the CA that comes, likewise
before.pem      in a change: the CA that was
server.pem      the server's certificate with its key, 0600
ca.pem          what agents and consoles trust: certificates of CAs alone

Each file is whole by itself and put in its place by a rename, so a disk that fills in between leaves the last ones.
"""

import os
import sys
from pathlib import Path

from server.authority.certificates import Held, held
from server.errors import Told, reason

FOLDER = "tls"
AUTHORITY = "authority.pem"
NEXT = "next.pem"
BEFORE = "before.pem"
SERVER = "server.pem"
TRUSTED = "ca.pem"


class CertificateError(Told):
    """A certificate or its key cannot be used: one sentence."""


def private(path: Path) -> bytes:
    """What a key file holds, unless others can read it too."""
    try:
        text = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise CertificateError("{path}: cannot be read: {why}.", path=path, why=reason(error)) from None
    if sys.platform != "win32" and mode & 0o077:
        raise CertificateError("{path}: others can read this key. Say: chmod 600 {path}", path=path)
    return text


def read(path: Path) -> Held:
    try:
        return held(private(path))
    except ValueError:
        sentence = "{path} is not a certificate with its key. Put it back from a backup."
        raise CertificateError(sentence, path=path) from None


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put a whole file in its place; `mode` from its first moment. The old one stays if anything fails."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
