"""What both ends compute alike so that each can prove itself: one-time codes, and the bytes that are MACed and signed.

A door: `server` makes the codes and checks the proofs that an agent makes with this file. Standard library only.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # read out over the phone: no 0 and O, no 1, I and L
PUBLIC = 4  # characters that name a code
SECRET = 17  # and that only its holder knows: 31**17 is more than 2**84, so no answer can be tried through
GROUP = 6
KEY_BYTES = 32  # of an Ed25519 public key
NONCE_BYTES = 32
STAMP = 8  # bytes a challenge begins with: the server's clock when it was made, UTC µs
INSTANCE_LIMIT = 64  # characters of a process's random name
PERHAPS_LIMIT = 16  # such names in one question
TEXT_LIMIT = 120  # characters of a host's name or system
LOOPBACK = ("127.0.0.1", "::1", "localhost")  # this machine, where alone nobody has to prove himself by TLS
ASK_LIMIT = 8 << 10  # bytes of any question below: the largest has some 700


class WrongCode(ValueError):
    """What was typed is no code; the message is a sentence."""


class Code(NamedTuple):
    """A one-time code: its public part names it, its secret part is never sent."""

    id: str
    secret: str

    def __str__(self) -> str:
        """As it is printed and read out: K7QM-4XWP9R-TDH3VN-CG8E2F."""
        rest = self.secret + _check(self.id + self.secret)
        return "-".join([self.id, *(rest[at : at + GROUP] for at in range(0, len(rest), GROUP))])


def read_code(typed: str) -> Code:
    """The code a person typed, in any case, with any spaces, hyphens or full-width letters. Raises WrongCode."""
    plain = unicodedata.normalize("NFKC", typed).upper()
    letters = "".join(letter for letter in plain if unicodedata.category(letter)[0] not in "ZPC")
    for letter in letters:
        if letter not in ALPHABET:
            raise WrongCode(f"No code has the character {letter!r}: 0, O, 1, I and L are never used. Read it again.")
    length = PUBLIC + SECRET + 1
    if len(letters) != length:
        raise WrongCode(f"A code has {length} letters and digits, and this has {len(letters)}. Read it again.")
    code = Code(letters[:PUBLIC], letters[PUBLIC:-1])
    if _check(code.id + code.secret) != letters[-1]:
        raise WrongCode("The code was not typed as it was given out: its last character does not fit. Read it again.")
    return code


def _check(letters: str) -> str:
    """One more character, so that one wrong character, or two that changed places, never make another code."""
    total = sum(place * ALPHABET.index(letter) for place, letter in enumerate(letters, 1))
    return ALPHABET[total % len(ALPHABET)]  # 31 is a prime, and no weight reaches it


def introduction_proof(code: Code, nonce: bytes, server: str, ca: str) -> bytes:
    """Only a server that knows the code can make it: so the CA it comes with may be pinned."""
    return _mac(code, _frame("introduction", nonce, server.encode(), ca.encode()))


def enrollment_proof(code: Code, public_key: bytes, host: str, system: str) -> bytes:
    """That who holds this key knows the code, without saying the code."""
    return _mac(code, _frame("enrollment", public_key, host.encode(), system.encode()))


def enrollment_message(code_id: str, public_key: bytes) -> bytes:
    """What the new key signs, to show that its private half is there."""
    return _frame("new key", code_id.encode(), public_key)


def token_message(
    server: str, public_key: bytes, challenge: bytes, instance: str, after: str, perhaps: Sequence[str] = ()
) -> bytes:
    """What an agent's key signs for a token. `server` is who it enrolled with, so no other can use the signature."""
    names = (name.encode() for name in (instance, after, *perhaps))
    return _frame("token", server.encode(), public_key, challenge, *names)


def rotation_message(server: str, public_key: bytes, fresh: bytes, challenge: bytes) -> bytes:
    """What the old key signs, and the fresh one too: from now on the fresh one speaks for this agent."""
    return _frame("rotation", server.encode(), public_key, fresh, challenge)


def made_at(challenge: bytes) -> int:
    """The server's clock when it made the challenge, UTC µs; that it did is proved by nothing here."""
    return int.from_bytes(challenge[:STAMP], "big")


def fingerprint(public_key: bytes) -> str:
    """The first 64 bits of the key's SHA-256, in groups, for people to compare."""
    digest = hashlib.sha256(public_key).hexdigest()[:16]
    return "-".join(digest[at : at + 4] for at in range(0, 16, 4))


def authority_print(der: bytes) -> str:
    """The first 64 bits of a CA's SHA-256: enough to tell those of one bank apart, and nothing is proved by it."""
    return hashlib.sha256(der).hexdigest()[:16]


def _mac(code: Code, message: bytes) -> bytes:
    return hmac.digest(code.secret.encode(), message, "sha256")


def _frame(purpose: str, *parts: bytes) -> bytes:
    """Each part behind its length, after the purpose: what was made for one purpose is of no use for another."""
    sized = (len(part).to_bytes(4, "big") + part for part in parts)
    return b"branchfleet 1 " + purpose.encode() + b"\0" + b"".join(sized)
