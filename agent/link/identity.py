"""Who this agent is: its key, and the server it enrolled with, in one file that is there whole or not at all."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.causes import chinese
from agent.exit import Exit, Trouble
from agent.files import write_private

FILE = "identity.json"
LAST = "instance"  # the process of this home that last got a token, and a line each for those that asked since
ASKED = 8  # of those are remembered
EARLIER = 8  # keys are kept that the agent replaced by itself


class Earlier(msgspec.Struct, frozen=True):
    """A key before this one. A server restored from a backup may know no later one."""

    key: bytes
    until: int  # UTC µs by the server's clock: what is restored then holds no record of its days


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keys are the 32 bytes of an Ed25519 private key."""

    server: str  # where it enrolled
    name: str  # the server's own name: no other can use what is signed for it
    agent: str
    code: str  # the public part of the code it enrolled with
    key: bytes
    fresh: bytes = b""  # to take the key's place: the server may know it already, or not yet
    waiting: bool = False  # head office had still to confirm this PC when it enrolled, and it was not let in since
    earlier: tuple[Earlier, ...] = ()  # newest first; alone none of them is ever spoken with


def load_identity(home: Path) -> Identity | None:
    """None if this folder was never enrolled. Raises Trouble."""
    path = home / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Trouble(
            Exit.BAD_INPUT, f"{path} cannot be read: {error.strerror}.", f"身份文件 {path} 读不出来：{chinese(error)}。"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Trouble(
            Exit.BAD_INPUT,
            f"{path} is not as it was written: {error}. Enrol this PC again with a new code.",
            f"身份文件 {path} 已损坏，读不懂。请用新的登记码重新登记。",
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


def last_instances(home: Path) -> tuple[str, list[str]]:
    """The process of this home that last got a token, "" if none did, and those that asked for one since: any of them
    may have got it and been killed before it could write so."""
    try:
        last, *asked = (home / LAST).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError, ValueError):  # an empty file has no line
        return "", []
    return last, asked


def keep_instances(home: Path, last: str, asked: Sequence[str] = ()) -> None:
    """If the disk is full, the next start may begin a new stream, and nothing else comes of it."""
    with suppress(OSError):
        write_private(home / LAST, "\n".join([last, *asked[-ASKED:]]).encode())
