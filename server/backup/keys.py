"""The keys of a home under a passphrase: scrypt makes a key of it, AES-256-GCM seals them.

Without a passphrase they are never in a backup: whoever finds one must not be able to speak for the server, nor to read
the passwords of devices.
"""

import os
import secrets
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from server.errors import Told
from server.settings import KEY

TLS = "tls"  # the folder of the bank's own authority, in the home
SHORTEST = 12
_MAGIC = b"BFK1"
_SALT, _NONCE = 16, 12
_COST = 1 << 17  # with r = 8: 128 MiB and about half a second a guess


class WrongPassphrase(Told):
    """It does not open the keys, or is too short to keep them."""


def keys_in(home: Path) -> dict[str, bytes]:
    """Every key file of a home by its place in it."""
    paths = [home / KEY, *sorted((home / TLS).glob("*"))]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def check(passphrase: str) -> None:
    if len(passphrase) < SHORTEST:
        raise WrongPassphrase("A passphrase has {shortest} characters at least.", shortest=SHORTEST)


def seal(keys: dict[str, bytes], passphrase: str) -> bytes:
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, msgspec.msgpack.encode(keys), _MAGIC)
    return _MAGIC + salt + nonce + sealed


def unseal(sealed: bytes, passphrase: str) -> dict[str, bytes]:
    rest = sealed.removeprefix(_MAGIC)
    salt, nonce, body = rest[:_SALT], rest[_SALT : _SALT + _NONCE], rest[_SALT + _NONCE :]
    try:
        plain = AESGCM(_key(passphrase, salt)).decrypt(nonce, body, _MAGIC)
    except (InvalidTag, ValueError):
        raise WrongPassphrase("This passphrase does not open the keys of the backup.") from None
    return msgspec.msgpack.decode(plain, type=dict[str, bytes])


def put(keys: dict[str, bytes], home: Path) -> None:
    """Write key files into a home, each 0600 from its first moment."""
    for name, content in keys.items():
        path = home / name
        if name != KEY and (path.parent != home / TLS or path.name in (".", "..")):
            continue  # no place a key of ours has
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase.encode())
