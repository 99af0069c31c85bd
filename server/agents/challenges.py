"""Challenges without a memory: each carries when and for whom it was made, and only this server can make one."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.proof import KEY_BYTES, STAMP, made_at
from server.errors import Invalid, ServerError, Unauthorized

GOOD_FOR = 60_000_000  # µs
_NONCE, _MAC = 16, 32


class TooLate(ServerError):
    """The challenge is another's, too old, or one was answered since. The agent asks for another after a while."""

    status = 408


@dataclass(frozen=True)
class Voice:
    """What this server, and every other on the same database and key, is known by, and what it proves it with."""

    name: str
    key: bytes  # of challenges
    trusted: Callable[[], str]  # PEM of the CAs agents are to trust just now; "" without TLS

    def challenge(self, public_key: bytes, now: int) -> bytes:
        check_key(public_key)
        body = now.to_bytes(STAMP, "big") + secrets.token_bytes(_NONCE)
        return body + self._mac(body, public_key)

    def issued_at(self, challenge: bytes, public_key: bytes, now: int) -> int:
        """When the challenge was made, by the servers' clock (UTC µs); TooLate if it is not good."""
        body, mac = challenge[:-_MAC], challenge[-_MAC:]
        right = len(body) == STAMP + _NONCE and hmac.compare_digest(mac, self._mac(body, public_key))
        at = made_at(body)
        if not right or not at - GOOD_FOR <= now < at + GOOD_FOR:  # before it was made: another server's clock
            raise TooLate("The challenge is not, or no longer, good. Ask for another.")
        return at

    def _mac(self, body: bytes, public_key: bytes) -> bytes:
        return hmac.digest(self.key, b"branchfleet challenge\0" + body + public_key, "sha256")


def voice(name: str, home_key: bytes | None, trusted: Callable[[], str]) -> Voice:
    """Without a home's key the challenges of this process are its own."""
    key = hmac.digest(home_key, b"branchfleet challenges", "sha256") if home_key else secrets.token_bytes(32)
    return Voice(name, key, trusted)


def check_key(public_key: bytes) -> None:
    if len(public_key) != KEY_BYTES:
        raise Invalid("A public key has {bytes} bytes.", bytes=KEY_BYTES)


def check_signature(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Unauthorized unless the holder of the private half signed `message`."""
    check_key(public_key)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Unauthorized("The signature is wrong: this key's private half did not make it for this server.") from None
