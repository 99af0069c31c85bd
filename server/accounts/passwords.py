"""Passwords: argon2id, and nothing that tells by time or memory whether a login exists."""

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 4  # hashing takes 64 MiB each by default; more at once would let sign-ins exhaust the memory
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without what reads alike: i l 1 o 0


class Passwords:
    """Hashes and checks with one cost. `memory` is KiB a hash."""

    def __init__(self, memory: int = 65_536) -> None:
        self._hasher = PasswordHasher(memory_cost=memory)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_hex())

    def hash(self, password: str) -> str:
        with self._turns:
            return self._hasher.hash(password)

    def check(self, hashed: str | None, password: str) -> bool:
        """Whether it fits. None, for a login that does not exist, takes as long and is False."""
        with self._turns:
            try:
                self._hasher.verify(hashed or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return hashed is not None


def one_time_password() -> str:
    """Sixteen letters in fours, to be read out and typed once: about 79 bits."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))
