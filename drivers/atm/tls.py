"""How an ATM proves who it is: by a bank's own CA, by one known certificate, or not at all where that is said aloud."""

import hashlib
import hmac
import ssl

from drivers.errors import NotSupported, Reason


def context(*, ca: str = "", pin: str = "", trust_any_certificate: bool = False) -> ssl.SSLContext:
    """With nothing said, the CAs of this machine. `pin` is the SHA-256 of the certificate in hexadecimal digits."""
    try:
        made = ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError) as error:
        raise NotSupported(Reason.BAD_OPTIONS, f"the CA file {ca} cannot be read: {error}") from error
    if pin or trust_any_certificate:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if pin:
        made.sslobject_class = _pinned(pin)
    return made


def _pinned(pin: str) -> type[ssl.SSLObject]:
    """A TLS end that ends its handshake only with the certificate of that digest, before a byte of ours is sent."""

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True) or b""
            if not hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), pin):
                raise ssl.SSLCertVerificationError(1, "its certificate is another than the pinned one")

    return Pinned
