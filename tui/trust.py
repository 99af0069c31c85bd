"""Whom the console takes for its server: who shows a certificate of the CA a person accepted once for that address.

At the first meeting the CA's fingerprint is shown, to be compared with `branchfleet-server ca`; nothing of this person
has been sent by then. It is kept in a file of the settings' folder. From then on another CA is refused, unless the
server said, while the one that is kept vouched for it, that another will follow.
"""

import hashlib
import os
import re
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from pydantic import ValidationError

from server.schemas.status import AuthorityOut
from tui.texts import _

FOLDER = "trusted"
SECONDS = 10.0
SHORTLY = 3.0  # seconds a start may be held up
ASKED_AGAIN = 86_400.0


class Untrusted(Exception):
    """There is no server here that may be believed; the message is one sentence."""


class NotMet(Untrusted):
    """Nothing answers."""


class NoCa(Untrusted):
    """The file that should say whom to trust does not."""


def trust(server: str, ca: str, folder: Path, accept: Callable[[str], bool]) -> ssl.SSLContext | None:
    """How to verify `server`; None of plain HTTP. `ca` is a file, "" for the one kept in `folder`.

    `accept` is shown the fingerprint of a CA that is met for the first time.
    """
    if not server.startswith("https:"):
        _plain(server)
        return None
    path = Path(ca) if ca else folder / FOLDER / f"{_name(server)}.pem"
    if not ca and not path.exists():
        _keep(path, _met(server, accept))
    try:
        context = ssl.create_default_context(cafile=path)
        return context if ca else _followed(server, path, context)
    except ssl.SSLError as error:  # which is an OSError too
        raise NoCa(
            _("{path} holds no certificate of a CA; `branchfleet-server ca --pem` prints the server's.").format(
                path=path
            )
        ) from error
    except OSError as error:
        raise NoCa(_("{path} cannot be read: {why}").format(path=path, why=_(error.strerror or ""))) from error


def fingerprint(ca: str) -> str:
    """SHA-256 of the first certificate, as `branchfleet-server ca` shows it."""
    digits = hashlib.sha256(ssl.PEM_cert_to_DER_cert(_first(ca))).hexdigest().upper()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _met(server: str, accept: Callable[[str], bool]) -> str:
    """The CA that the server says is its own, once a person has accepted it and the server has proved to have it."""
    ca = _asked(server)
    if not accept(fingerprint(ca)):
        raise Untrusted(_("The CA was not accepted; nothing was sent to {server}.").format(server=server))
    return ca


def _followed(server: str, path: Path, known: ssl.SSLContext) -> ssl.SSLContext:
    """Once a day the server that is known is asked which CAs are to be trusted: head office may be changing it."""
    if 0 <= time.time() - path.stat().st_mtime < ASKED_AGAIN:
        return known
    try:
        ca = _asked(server, known)
        fresh = ssl.create_default_context(cadata=ca)
        _keep(path, ca)
    except (Untrusted, ssl.SSLError):  # the first question of this person finds out what it is
        return known
    return fresh


def _asked(server: str, known: ssl.SSLContext | None = None) -> str:
    verify = known or ssl.create_default_context()
    if known is None:
        verify.check_hostname = False
        verify.verify_mode = ssl.CERT_NONE
    try:
        with httpx2.Client(verify=verify, trust_env=False, timeout=SECONDS if known is None else SHORTLY) as client:
            ca = AuthorityOut.model_validate_json(client.get(f"{server}/api/authority").content).ca
        fingerprint(ca)
    except httpx2.HTTPError as error:
        if _no_tls(error):
            sentence = _("What answers at {server} speaks no TLS. Compare the address and the port.")
            raise Untrusted(sentence.format(server=server)) from error
        sentence = _("The server {server} does not answer. Is the line up?")
        raise NotMet(sentence.format(server=server)) from error
    except (ValidationError, ValueError) as error:
        raise Untrusted(_("What answers at {server} is no Branchfleet server.").format(server=server)) from error
    return ca


def _no_tls(error: BaseException | None) -> bool:
    """Whether the first bytes of the answer were no TLS; OpenSSL's word for it depends on its version."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and error.reason in (
            "WRONG_VERSION_NUMBER",
            "PACKET_LENGTH_TOO_LONG",
            "RECORD_LAYER_FAILURE",
            "UNKNOWN_PROTOCOL",
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _plain(server: str) -> None:
    """Untrusted if `server`, which was to be asked without TLS, speaks nothing else. That it is away is said later."""
    try:
        httpx2.get(f"{server}/api/authority", trust_env=False, timeout=SECONDS)
    except (httpx2.RemoteProtocolError, httpx2.ReadError):
        if _speaks_tls(server):
            sentence = _("The server speaks TLS and was asked without: say {right} instead of {server}.")
            raise Untrusted(sentence.format(right=server.replace("http:", "https:", 1), server=server)) from None
    except httpx2.HTTPError:
        pass


def _speaks_tls(server: str) -> bool:
    parts = urlsplit(server)
    nobody = ssl.create_default_context()
    nobody.check_hostname = False
    nobody.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or 80), SECONDS) as line,
            nobody.wrap_socket(line),
        ):
            return True
    except OSError:
        return False


def _first(ca: str) -> str:
    found = re.search(r"-----BEGIN CERTIFICATE-----\n.*?\n-----END CERTIFICATE-----\n?", ca, re.DOTALL)
    if found is None:
        raise ValueError("no certificate")
    return found.group()


def _name(server: str) -> str:
    """A file's name for an address: its host and port, and nothing a path could be made of."""
    parts = urlsplit(server)
    return re.sub(r"[^A-Za-z0-9.-]", "_", f"{parts.hostname}_{parts.port or 443}")


def _keep(path: Path, ca: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_text(ca, encoding="ascii")
        fresh.replace(path)
    except OSError as error:
        raise Untrusted(f"{error.filename}: {_(error.strerror or '')}") from error
