"""Personal values in the journal: only a salted commitment enters it, so a value can be erased and the chain holds."""

import hashlib
import secrets
from typing import Any

from sqlmodel import Session, col, delete

from server.journal.tables import Personal

PERSONAL = "$personal"


def seal_personal(session: Session, value: str) -> dict[str, str]:
    """What stands for `value` in a deed's before and after."""
    salt = secrets.token_hex(32)
    digest = commitment(salt, value)
    session.add(Personal(digest=digest, salt=salt, value=value))
    return {PERSONAL: digest}


def commitment(salt: str, value: str) -> str:
    """SHA-256 over the salt's bytes and the value: without the salt not even a guess can be tried."""
    return hashlib.sha256(bytes.fromhex(salt) + value.encode()).hexdigest()


def erase(session: Session, digests: list[str]) -> int:
    """Forget the values for good; gives how many there were."""
    return session.exec(delete(Personal).where(col(Personal.digest).in_(digests))).rowcount


def reveal(session: Session, value: Any) -> Any:
    """`value` with every commitment replaced by what it stands for, or by None where that was erased."""
    if isinstance(value, dict):
        if set(value) == {PERSONAL} and isinstance(value[PERSONAL], str):
            row = session.get(Personal, value[PERSONAL])
            return row.value if row else None
        return {key: reveal(session, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [reveal(session, inner) for inner in value]
    return value
