"""The files of the home's folder `tls`.

authority.pem   the CA in force, its certificate with its key, 0600
next.pem        in a change: the CA that comes, likewise
before.pem      in a change: the CA that was
server.pem      the server's certificate with its key, 0600
ca.pem          what agents and consoles trust: certificates of CAs alone

Each file is whole by itself and put in its place by a rename, so a disk that fills in between leaves the last ones.
"""

from pathlib import Path

from server.authority.certificates import Held, held
from server.errors import Told
from server.private import read_private

FOLDER = "tls"
AUTHORITY = "authority.pem"
NEXT = "next.pem"
BEFORE = "before.pem"
SERVER = "server.pem"
TRUSTED = "ca.pem"


class CertificateError(Told):
    """A certificate or its key cannot be used: one sentence."""


def read(path: Path) -> Held:
    try:
        return held(read_private(path, CertificateError))
    except (ValueError, TypeError):  # TypeError: the key is under a password
        sentence = "{path} is not a certificate with its key. Put it back from a backup."
        raise CertificateError(sentence, path=path) from None
