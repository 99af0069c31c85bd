"""Who this agent is: its key, and the server it enrolled with, in one file that is there whole or not at all."""

from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.exit import Exit, Trouble
from agent.files import write_private

FILE = "identity.json"
LAST = "instance"  # the process of this home that last got a token


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keys are the 32 bytes of an Ed25519 private key."""

    server: str  # where it enrolled
    name: str  # the server's own name: no other can use what is signed for it
    agent: str
    code: str  # the public part of the code it enrolled with
    key: bytes
    fresh: bytes = b""  # to take the key's place: the server may know it already, or not yet


def load_identity(home: Path) -> Identity | None:
    """None if this folder was never enrolled. Raises Trouble."""
    path = home / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Trouble(
            Exit.BAD_INPUT, f"{path} cannot be read: {error.strerror}.", f"身份文件 {path} 读不出来：{error.strerror}。"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Trouble(
            Exit.BAD_INPUT,
            f"{path} is not as it was written: {error}. Enrol this PC again with a new code.",
            f"身份文件 {path} 损坏：{error}。请用新的登记码重新登记。",
        ) from error


def keep_identity(home: Path, identity: Identity) -> None:
    """Put it in the place of the one before, mode 0600. Raises OSError."""
    write_private(home / FILE, msgspec.json.encode(identity))


def new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(key: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()


def sign(key: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(key).sign(message)


def new_instance() -> str:
    return uuid4().hex


def last_instance(home: Path) -> str:
    """The process before this one, "" if there was none."""
    try:
        return (home / LAST).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def keep_instance(home: Path, instance: str) -> None:
    """If the disk is full, the next start begins a new stream, and nothing else comes of it."""
    with suppress(OSError):
        write_private(home / LAST, instance.encode())
