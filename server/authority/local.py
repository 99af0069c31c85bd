"""The bank-local CA and the server's certificate, which renews itself."""

from collections.abc import Callable, Set
from pathlib import Path

from agent.wire import BUILT
from server.authority.certificates import (
    AUTHORITY_DAYS,
    SERVER_DAYS,
    Held,
    begins_later,
    days_left,
    is_due,
    issue,
    make_authority,
    names_of,
    pem,
)
from server.authority.changing import authority_name, others
from server.authority.files import AUTHORITY, FOLDER, SERVER, TRUSTED, CertificateError, read
from server.private import write_private

DAY = 86_400_000_000  # µs


class Local:
    """The CA of `home`. `names` are those the server's certificate is to speak for.

    Only where it was asked for (`make`) a CA is made: agents trust the one there was, and a folder that is missing was
    lost, or not put back with a backup.
    """

    def __init__(
        self, home: Path, names: Callable[[], Set[str]], now: Callable[[], int], *, make: bool = False
    ) -> None:
        self._folder = home / FOLDER
        self._make = make
        self._names = names
        self._now = now

    def files(self) -> tuple[Path, Path]:
        """Where the certificate and its key are, renewed if it is due. CertificateError, or OSError of a full disk."""
        path = self._folder / SERVER
        current = read(path) if path.exists() else None
        if current is None or self._outlived(current):
            self.renew()
        return path, path

    def shown(self) -> Path:
        path = self._folder / SERVER
        return path if path.exists() else self.files()[0]

    def renew(self, days: int = SERVER_DAYS) -> None:
        """A new certificate for the server, and a new key."""
        authority, now = self.authority(), self._right_now()
        if days_left(authority.certificate, now) <= 0:
            raise CertificateError(
                "The CA in {path} ended on {day}, or this machine's clock is wrong: no certificate can be made.",
                path=self._folder / AUTHORITY,
                day=authority.certificate.not_valid_after_utc.date(),
            )
        write_private(self._folder / SERVER, issue(authority, self._names(), now, days).pem())

    def authority(self) -> Held:
        path = self._folder / AUTHORITY
        if path.exists():
            return read(path)
        if not self._make or (self._folder / TRUSTED).exists():
            raise CertificateError(
                "{path} is missing, and agents trust what it signed: put the folder {folder} back from where it is "
                "kept. If it is lost, or this server never had one: remove what is left of the folder, say "
                "`branchfleet-server ca --new`, and enrol every agent anew.",
                path=path,
                folder=self._folder,
            )
        now = self._right_now()
        if now > BUILT + AUTHORITY_DAYS * DAY:  # there is nothing else yet to compare it with
            raise CertificateError("This machine's clock is wrong: it is decades ahead. Set it.")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        made = make_authority(authority_name(), now)
        write_private(path, made.pem())
        return made

    def trusted(self) -> bytes:
        """PEM of what agents and consoles are to trust: the CA in force, and in a change the other one."""
        held = {pem(one.certificate): None for one in (self.authority(), *others(self._folder))}
        text = b"".join(held)
        path = self._folder / TRUSTED
        if not path.exists() or path.read_bytes() != text:
            write_private(path, text, 0o644)
        return text

    def _outlived(self, current: Held) -> bool:
        certificate, authority = current.certificate, self.authority().certificate
        last = certificate.not_valid_after_utc >= authority.not_valid_after_utc  # no other would last any longer
        return (
            begins_later(certificate, self._now())
            or (is_due(certificate, self._now()) and not last)
            or not names_of(certificate) >= self._names()
            or certificate.issuer != authority.subject
        )

    def _right_now(self) -> int:
        now = self._now()
        if now < BUILT:
            raise CertificateError("This machine's clock is wrong: it is behind the making of this program. Set it.")
        return now
