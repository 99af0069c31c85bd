"""A certificate of the bank's own CA, in place of ours: three files the bank renews, checked whenever they change."""

from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from server.authority.certificates import days_left, names_of
from server.authority.files import CertificateError
from server.errors import reason
from server.private import read_private


class Given:
    """`certificate`, its `key`, and the `authority` that signed it."""

    def __init__(self, certificate: Path, key: Path, authority: Path, now: Callable[[], int]) -> None:
        self._certificate = certificate
        self._key = key
        self._authority = authority
        self._now = now

    def files(self) -> tuple[Path, Path]:
        """Where the certificate and its key are. CertificateError says what is wrong with them."""
        certificate = _certificates(self._certificate)[0]
        if _public_key(self._key) != _spki(certificate):
            raise CertificateError("{key} is not the key of {file}.", key=self._key, file=self._certificate)
        if not names_of(certificate):
            raise CertificateError(
                "{file} names no host: it needs a subjectAltName with what agents and consoles connect to.",
                file=self._certificate,
            )
        left = days_left(certificate, self._now())
        if left <= 0:
            raise CertificateError(
                "{file} ended on {day}; ask the bank's CA for a new one.",
                file=self._certificate,
                day=certificate.not_valid_after_utc.date(),
            )
        if not any(_signed(certificate, by) for by in _certificates(self._authority)):
            raise CertificateError(
                "{authority} does not hold the CA that signed {file} itself.",
                authority=self._authority,
                file=self._certificate,
            )
        return self._certificate, self._key

    def shown(self) -> Path:
        return self._certificate

    def trusted(self) -> bytes:
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in _certificates(self._authority))


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CertificateError("{path}: cannot be read: {why}.", path=path, why=reason(error)) from None
    except ValueError:
        raise CertificateError("{path} holds no certificate in PEM.", path=path) from None


def _public_key(path: Path) -> bytes:
    try:
        key = serialization.load_pem_private_key(read_private(path, CertificateError), None)
    except TypeError:
        raise CertificateError("{path} is locked by a password; the server needs it without.", path=path) from None
    except ValueError:
        raise CertificateError("{path} holds no private key in PEM.", path=path) from None
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _signed(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
