"""Making certificates: a bank-local CA, and what it says of a server. Pure: the time is handed in, nothing is read."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.proof import authority_print

AUTHORITY_DAYS = 7305  # 20 years
SERVER_DAYS = 397
BACK = timedelta(days=1)  # before now: another program may check the date by a clock that is behind
_NOT_USED = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True)
class Held:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> bytes:
        """Both in one text, so that one file is always a pair that fits."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + pem(self.certificate)


def held(text: bytes) -> Held:
    """What `Held.pem` wrote. ValueError if it is anything else."""
    key: PrivateKeyTypes = serialization.load_pem_private_key(text, None)
    certificate = x509.load_pem_x509_certificate(text)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("the key is not the certificate's")
    return Held(certificate, key)


def make_authority(name: str, now: int) -> Held:
    """A CA that may sign servers and no further CA. `now` is UTC µs."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _begun(_named(name), _named(name), key, now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **_NOT_USED)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
    return Held(builder.sign(key, hashes.SHA256()), key)


def issue(authority: Held, names: Iterable[str], now: int, days: int = SERVER_DAYS) -> Held:
    """A server's certificate for these host names and addresses, with a key of its own. It ends with its CA at last."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    builder = _begun(_named("Branchfleet"), issuer.subject, key, now, days, issuer.not_valid_after_utc)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **_NOT_USED)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in sorted(names)]), False)
    signer = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), False)
    return Held(builder.sign(authority.key, hashes.SHA256()), key)


def names_of(certificate: x509.Certificate) -> set[str]:
    """The host names and addresses it speaks for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}


def days_left(certificate: x509.Certificate, now: int) -> float:
    return (certificate.not_valid_after_utc - _time(now)) / timedelta(days=1)


def is_due(certificate: x509.Certificate, now: int) -> bool:
    """Whether a third of its life, or less, is left."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - _time(now) <= life / 3


def begins_later(certificate: x509.Certificate, now: int) -> bool:
    """Then a clock was wrong when it was made."""
    return certificate.not_valid_before_utc > _time(now)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 in groups a person can read aloud: "3F2A 91C0 ...", sixteen of them."""
    digits = certificate.fingerprint(hashes.SHA256()).hex().upper()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def prints(trusted: str) -> list[str]:
    """As agents say which CAs they trust."""
    found = x509.load_pem_x509_certificates(trusted.encode()) if trusted else []
    return sorted(authority_print(one.public_bytes(serialization.Encoding.DER)) for one in found)


def describe(trusted: bytes, shown: bytes) -> dict[str, str]:
    """The CA in force (the first that is trusted) and the server's certificate, in words."""
    authority = x509.load_pem_x509_certificates(trusted)[0]
    certificate = x509.load_pem_x509_certificates(shown)[0]
    return {
        "authority": authority.subject.rfc4514_string(),
        "fingerprint": fingerprint(authority),
        "authority_ends": authority.not_valid_after_utc.date().isoformat(),
        "certificate_ends": certificate.not_valid_after_utc.date().isoformat(),
        "names": " ".join(sorted(names_of(certificate))),
    }


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: int,
    days: int,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    end = _time(now) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(now) - BACK)
        .not_valid_after(min(end, latest) if latest else end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _time(now: int) -> datetime:
    return datetime.fromtimestamp(now // 1_000_000, UTC)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
