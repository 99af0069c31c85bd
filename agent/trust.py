"""Whom this agent takes for its server: who shows a certificate of the CA that was pinned when it enrolled.

Nothing depends on this machine's clock. The chain is verified without dates; the dates are then held, before a byte is
sent, against the latest time that is known to have passed: when this program was made, and what the server said last.
A PC whose battery died in the year 2000 or 2099 is let in, and a certificate that ended is not believed.
"""

import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.exit import Exit, Trouble
from agent.files import write_private
from agent.wire import BUILT

CA = "ca.pem"
KEPT = "server-time"  # UTC µs, as the server said it last: written twice a day at most
KEPT_EVERY = 12 * 3_600_000_000  # µs
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h; Python has no name for it

log = logging.getLogger(__name__)


class Trust:
    """The pinned CA of a home and the time that has passed at least."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._passed = max(BUILT, _kept(home))
        self._written = self._passed
        self._ends = 0  # of the certificate that was shown last

    def context(self) -> ssl.SSLContext:
        """For connections to the server. Raises Trouble if the CA is not there."""
        path = self._home / CA
        context = _context()
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
        try:
            context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise Trouble(
                Exit.NOT_SET_UP,
                f"The CA this agent trusts cannot be read from {path}: {error}. Enrol this PC again with a new code.",
                f"本机认服务器用的证书文件 {path} 读不出来：{error}。",
            ) from error
        authorities = context.get_ca_certs()
        context.sslobject_class = _checked(lambda shown: self._check(shown, authorities))
        return context

    def heard(self, server: int) -> None:
        """The server, known by its certificate, said its time. No later than that certificate's end is believed."""
        self._passed = max(self._passed, min(server, self._ends))
        if self._passed - self._written >= KEPT_EVERY:
            self._written = self._passed
            with suppress(OSError):  # a full disk: the last one still holds
                write_private(self._home / KEPT, str(self._passed).encode())

    def _check(self, shown: dict[str, Any], authorities: list[Any]) -> None:
        issuers = [one for one in authorities if one["subject"] == shown.get("issuer")]
        for what, one in [("certificate", shown), *(("CA", issuer) for issuer in issuers)]:
            ends = int(ssl.cert_time_to_seconds(one["notAfter"])) * 1_000_000
            if ends < self._passed:
                raise ssl.SSLCertVerificationError(
                    1,
                    f"the server's {what} ended on {_day(ends)}, and it is {_day(self._passed)} or later: it has to be "
                    f"renewed at the server (or the server's clock was wrong once: then remove {self._home / KEPT})",
                )
        self._ends = int(ssl.cert_time_to_seconds(shown["notAfter"])) * 1_000_000


def context_for(server: str, trust: Trust) -> ssl.SSLContext:
    """Of a server that speaks plain HTTP, which it does on this PC alone, there is nothing to verify."""
    return trust.context() if server.startswith("https:") else unproven()


def unproven() -> ssl.SSLContext:
    """For the introduction alone: whoever answers has still to show that it knows the code, and learns nothing."""
    context = _context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def keep_ca(home: Path, pem: str) -> None:
    """Pin what a server that proved itself said its CA is; its time begins anew with it. Raises OSError."""
    (home / KEPT).unlink(missing_ok=True)
    write_private(home / CA, pem.encode())


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _checked(check: Callable[[dict[str, Any]], None]) -> type[ssl.SSLObject]:
    """A connection that is made only when `check` has nothing against the certificate that was shown."""

    class Checked(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            check(self.getpeercert() or {})

    return Checked


def _kept(home: Path) -> int:
    try:
        return int((home / KEPT).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).date().isoformat()
