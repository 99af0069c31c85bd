"""A change from one CA to the next, in three steps that a person takes, so that nobody is cut off on the way.

begin   next.pem is made. Agents and consoles are told both CAs, over connections the old one vouches for.
switch  the next one signs from now on; the old one, before.pem, is still trusted.
drop    only the one that signs is trusted. Before the switch this takes the beginning back.

Each step is a rename or a removal: a kill in between leaves the step before, or the step done.
"""

import secrets
import socket
from pathlib import Path

from server.authority.certificates import Held, make_authority
from server.authority.files import AUTHORITY, BEFORE, NEXT, CertificateError, read
from server.private import write_private
from server.storage.types import Now


def begin(folder: Path, now: Now) -> Held:
    """CertificateError if a change is under way."""
    _there(folder)
    for name in (NEXT, BEFORE):
        if (folder / name).exists():
            raise CertificateError(
                "A change of the CA is under way: {path} is there. `ca --step switch` or `--step drop` goes on.",
                path=folder / name,
            )
    made = make_authority(authority_name(), now())
    write_private(folder / NEXT, made.pem())
    return made


def switch(folder: Path) -> Held:
    """The next CA signs; CertificateError if there is none."""
    path = folder / NEXT
    if not path.exists():
        raise CertificateError("There is no next CA: `branchfleet-server ca --step next` makes one.")
    held = read(path)
    write_private(folder / BEFORE, _there(folder).pem())
    path.replace(folder / AUTHORITY)
    return held


def drop(folder: Path) -> Held:
    """Only the CA in force is trusted; CertificateError if that is so already."""
    held = _there(folder)
    others = [folder / name for name in (NEXT, BEFORE) if (folder / name).exists()]
    if not others:
        raise CertificateError("No other CA is trusted than the one in force.")
    for path in others:
        path.unlink()
    return held


def others(folder: Path) -> list[Held]:
    """What is trusted beside the CA in force."""
    return [read(folder / name) for name in (NEXT, BEFORE) if (folder / name).exists()]


def authority_name() -> str:
    return f"Branchfleet CA {socket.gethostname()[:32]} {secrets.token_hex(4)}"


def _there(folder: Path) -> Held:
    path = folder / AUTHORITY
    if not path.exists():
        raise CertificateError("{path} is missing: there is no CA to change.", path=path)
    return read(path)
