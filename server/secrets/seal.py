"""Sealing with the home's key: AES-256-GCM with the name bound in, so a sealed value fits no other name."""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class BadKey(Exception):
    """The key file is missing, may not be read, or is not the one the secrets were sealed with."""


def make_key(path: Path) -> None:
    """Write a fresh key only its owner can read; FileExistsError if there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(os.urandom(KEY_BYTES))


class Seal:
    def __init__(self, path: Path) -> None:
        try:
            key = path.read_bytes()
        except OSError as error:
            raise BadKey(f"{path} cannot be read: {error.strerror}") from None
        if len(key) != KEY_BYTES:
            raise BadKey(f"{path} is not a key of {KEY_BYTES} bytes")
        self._path = path
        self._cipher = AESGCM(key)

    def close(self, name: str, value: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.encode(), name.encode())

    def open(self, name: str, sealed: bytes) -> str:
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode()).decode()
        except InvalidTag:
            raise BadKey(f"{self._path} is not the key the secret {name} was sealed with") from None
