"""Setting a secret, and filling secrets into a driver's options. A secret is never shown again, to nobody."""

import re
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from server.errors import Invalid
from server.journal.deeds import Act, record
from server.secrets.seal import Seal
from server.secrets.tables import Secret

PREFIX = "secret:"  # an option's value "secret:atm-ro" stands for the secret atm-ro
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_LONGEST = 1024


class NoSuchSecret(Exception):
    """An option names a secret that was never set."""


def set_secret(session: Session, act: Act, seal: Seal, name: str, value: str) -> None:
    """Make or replace a secret. The journal says that it was set, not what."""
    if not _NAME.fullmatch(name):
        raise Invalid("{name} is not a secret's name: use small letters, digits, '-' and '.'.", name=name)
    if not value or len(value) > _LONGEST:
        raise Invalid("A secret has 1 to {longest} characters.", longest=_LONGEST)
    row = session.get(Secret, name)
    deed = "secret.change" if row else "secret.set"
    row = row or Secret(name=name, sealed=b"", changed_at=0)
    row.sealed = seal.close(name, value)
    row.changed_at = act.now
    session.add(row)
    record(session, act, deed=deed, about=f"secret:{name}")


def fill(session: Session, seal: Seal, options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` with every "secret:NAME" replaced, for the agent's eyes only; NoSuchSecret names what is missing."""
    return {key: _filled(session, seal, value) for key, value in options.items()}


def _filled(session: Session, seal: Seal, value: Any) -> Any:
    if not (isinstance(value, str) and value.startswith(PREFIX)):
        return value
    name = value.removeprefix(PREFIX)
    row = session.get(Secret, name)
    if row is None:
        raise NoSuchSecret(name)
    return seal.open(name, row.sealed)
