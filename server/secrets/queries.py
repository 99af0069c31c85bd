"""Secrets in the clear, for the assignment of an agent and for nothing else."""

import logging
from collections.abc import Iterable

from sqlmodel import Session, col, select

from server.secrets.sealing import SealBroken, unseal
from server.secrets.tables import Secret

_log = logging.getLogger(__name__)


def secret_names(session: Session) -> list[str]:
    return list(session.exec(select(Secret.name).order_by(Secret.name)).all())


def opened(session: Session, key: bytes, names: Iterable[str]) -> dict[str, str]:
    """Those of `names` that there are and that this key opens."""
    found: dict[str, str] = {}
    for row in session.exec(select(Secret).where(col(Secret.name).in_(sorted(names)))).all():
        try:
            found[row.name] = unseal(key, row.name, row.sealed)
        except SealBroken:
            _log.error("The secret %s was sealed with another key: set it again.", row.name)
    return found
