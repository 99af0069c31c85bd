"""The TLS a server answers with. A renewed certificate is taken up while it runs; old connections live on."""

import logging
import ssl
import time
from pathlib import Path
from typing import Protocol

PLAIN_SECONDS = 600.0  # between two lines about askers in plain HTTP

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where the certificate comes from: the home's own CA, or the bank's."""

    def files(self) -> tuple[Path, Path]: ...

    def shown(self) -> Path:
        """Where the certificate is, as it is: nothing is renewed."""

    def trusted(self) -> bytes: ...


class Tls:
    """`context` for a listener; `look()` now and then."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.context = _context()
        self.trusted = ""  # PEM: what agents and consoles are told
        self._loaded = b""
        self._said = ""
        self.load()

    def load(self) -> None:
        """Take up the certificate that is there now. Told or OSError says why not; what was loaded stays then."""
        certificate, key = self.source.files()
        self.trusted = self.source.trusted().decode()
        content = certificate.read_bytes() + key.read_bytes()
        if content == self._loaded:
            return
        _context().load_cert_chain(certificate, key)  # a trial: the running context takes no half of a pair
        self.context.load_cert_chain(certificate, key)
        self._loaded = content
        log.info("The server's certificate is loaded from %s.", certificate)

    def look(self) -> None:
        """Renew what is due, take up what changed, and say once what stands against it."""
        try:
            self.load()
        except Exception as error:  # the border of a task nobody waits for: the next look is to come
            if str(error) != self._said:
                log.error("The server's certificate stays as it is: %s", error)
            self._said = str(error)
        else:
            self._said = ""


class _Listening(ssl.SSLObject):
    """A handshake that begins with plain HTTP is told of: neither end would say why nothing came of it."""

    said_at = -PLAIN_SECONDS

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            if error.reason in ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST"):
                self._say()
            raise

    @staticmethod
    def _say() -> None:
        now = time.monotonic()
        if now - _Listening.said_at >= PLAIN_SECONDS:
            _Listening.said_at = now
            log.warning("Somebody asks in plain HTTP, and this port speaks TLS: the address begins with https://.")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _Listening
    return context
