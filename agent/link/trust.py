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

from agent.causes import chinese
from agent.exit import Exit, Trouble
from agent.files import write_private
from agent.proof import authority_print
from agent.wire import BUILT

CA = "ca.pem"
CA_LIMIT = 64 << 10  # characters
KEPT = "server-time"  # UTC µs, as the server said it last, and what it said first of a leap that is in doubt
KEPT_EVERY = 12 * 3_600_000_000  # µs: it is written twice a day at most
LEAP = 366 * 24 * 3_600_000_000  # a server's clock that moves on by more at once may be wrong
SURE_AFTER = 7 * 24 * 3_600_000_000  # by its own word: a clock that is years off is put right sooner
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h; Python has no name for it

log = logging.getLogger(__name__)


class Trust:
    """The pinned CA of a home and the time that has passed at least."""

    def __init__(self, home: Path) -> None:
        self._home = home
        kept, self._doubted = _kept(home)
        self._fresh = not kept  # nothing was heard before: there is nothing to compare with
        self.passed = max(BUILT, kept)  # UTC µs
        self._written = self.passed, self._doubted
        self._ends = 0  # of the certificate that was shown last
        self._context: ssl.SSLContext | None = None
        self._authorities: list[Any] = []
        self._dropped: list[Any] = []  # names of CAs: OpenSSL forgets none of a context

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
                f"本机认服务器用的证书文件 {path} 读不出来：{chinese(error)}。请用新的登记码重新登记。",
            ) from error
        self._authorities = context.get_ca_certs()
        context.sslobject_class = _checked(self._check)
        self._context = context
        return context

    def prints(self) -> list[str]:
        """Of the CAs that are pinned, for the server to know."""
        return sorted(map(authority_print, _read_ca(self._home).get_ca_certs(binary_form=True)))

    def learn(self, pem: str) -> None:
        """Pin what a server that proved itself says its CAs are from now on: a change from one to the next."""
        if self._context is None or len(pem) > CA_LIMIT or pem.encode() == _content(self._home / CA):
            return
        fresh = _context()
        try:
            fresh.load_verify_locations(cadata=pem)
            write_private(self._home / CA, pem.encode())
        except (OSError, ssl.SSLError, ValueError, TypeError) as error:  # TypeError: it is not even ASCII
            log.warning("The CAs the server says are its own cannot be pinned: %s.", error)
            return
        before, self._authorities = self._authorities, fresh.get_ca_certs()
        names = [one["subject"] for one in self._authorities]
        gone = [*self._dropped, *(one["subject"] for one in before)]
        self._dropped = [name for name in gone if name not in names]
        self._context.load_verify_locations(cadata=pem)
        log.info("This agent trusts %d CAs of the server now, as the server says.", len(self._authorities))

    def heard(self, server: int) -> None:
        """The server, known by its certificate, said its time. No later than that certificate's end is believed.

        Of a leap of years what was known before is kept, until the server has said so for a week.
        """
        said = min(server, self._ends)
        if said - self.passed <= LEAP or self._fresh:
            self.passed, self._doubted = max(self.passed, said), 0
        elif not 0 < self._doubted <= said:
            self._doubted = said
        elif said - self._doubted >= SURE_AFTER:
            self.passed, self._doubted = said, 0
        self._fresh = False
        self._keep()

    def _keep(self) -> None:
        passed, doubted = self._written
        if self.passed - passed >= KEPT_EVERY or self._doubted != doubted:
            self._written = self.passed, self._doubted
            with suppress(OSError):  # a full disk: the last one still holds
                write_private(self._home / KEPT, f"{self.passed} {self._doubted}".encode())

    def _check(self, shown: dict[str, Any]) -> None:
        if shown.get("issuer") in self._dropped:
            raise ssl.SSLCertVerificationError(1, "the server's certificate is of a CA that it uses no longer")
        issuers = [one for one in self._authorities if one["subject"] == shown.get("issuer")]
        for what, one in [("certificate", shown), *(("CA", issuer) for issuer in issuers)]:
            ends = int(ssl.cert_time_to_seconds(one["notAfter"])) * 1_000_000
            if ends < self.passed:
                raise ssl.SSLCertVerificationError(
                    1,
                    f"the server's {what} ended on {_day(ends)}, and it is {_day(self.passed)} or later: it has to be "
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


def _read_ca(home: Path) -> ssl.SSLContext:
    context = _context()
    with suppress(OSError, ssl.SSLError):
        context.load_verify_locations(cafile=home / CA)
    return context


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _kept(home: Path) -> tuple[int, int]:
    try:
        passed, doubted, *_ = [*map(int, (home / KEPT).read_text(encoding="ascii").split()), 0]
    except (OSError, ValueError):
        return 0, 0
    return passed, doubted


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).date().isoformat()
