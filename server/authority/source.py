"""Which certificate a home serves with: its own CA's, unless the settings name the bank's."""

from collections.abc import Callable
from pathlib import Path

from agent.proof import LOOPBACK
from server.authority.context import Source
from server.authority.files import CertificateError
from server.authority.given import Given
from server.authority.local import Local
from server.authority.names import own_names, sound
from server.settings import Settings


def source(home: Path, settings: Settings, now: Callable[[], int], *, make: bool = False) -> Source:
    """`make`: a CA where there is none. CertificateError if the settings name half of what is needed."""
    given = (settings.certificate, settings.certificate_key, settings.certificate_ca)
    if all(given):
        certificate, key, ca = (home / str(path) for path in given)
        return Given(certificate, key, ca, now)
    if any(given):
        raise CertificateError("Of certificate, certificate_key and certificate_ca either all three are set, or none.")
    for name in settings.names:
        if not sound(name):
            raise CertificateError("names: {name} is no host name and no address.", name=name)
    return Local(home, lambda: own_names(settings.host, settings.names), now, make=make)


def may_speak_plainly(settings: Settings) -> None:
    """CertificateError where plain HTTP would leave this machine."""
    if not settings.tls and settings.host not in LOOPBACK:
        raise CertificateError(
            "Without TLS the server answers on this machine only: set host to 127.0.0.1, or leave tls on."
        )
