"""Who an agent is: every question is a POST of one of these, of `proof.ASK_LIMIT` bytes at most."""

from typing import Annotated

import msgspec


class IntroductionAsk(msgspec.Struct, frozen=True):
    """To /api/agent/introduction, before anything of the server is trusted: does it know this code?"""

    code: str  # the public part
    nonce: bytes


class Introduction(msgspec.Struct, frozen=True, kw_only=True):
    """The server's name and the CA to pin (PEM, "" of a server without TLS), with `proof.introduction_proof`."""

    server: str
    ca: str
    proof: bytes


class EnrollmentAsk(msgspec.Struct, frozen=True, kw_only=True):
    """To /api/agent/enrollment. Sent again with the same key it is answered again."""

    code: str  # the public part
    public_key: bytes
    host: str
    system: str
    proof: bytes  # proof.enrollment_proof
    signature: bytes  # of proof.enrollment_message by the new key


class Enrollment(msgspec.Struct, frozen=True, kw_only=True):
    agent: str  # its key in the inventory
    waiting: bool  # the agent has a key already: a person has to confirm this one


class ChallengeAsk(msgspec.Struct, frozen=True):
    """To /api/agent/challenge."""

    public_key: bytes


class Challenge(msgspec.Struct, frozen=True):
    """To be signed within a minute, and once."""

    challenge: bytes


class TokenAsk(msgspec.Struct, frozen=True, kw_only=True):
    """To /api/agent/token.

    `instance` is the random name of this process, `after` that of the process that last got a token in this home, and
    `perhaps` those that asked since and were killed before they knew: so a home that was copied, and two processes
    that live at once, are told from one that was started again.
    """

    public_key: bytes
    challenge: bytes
    instance: str
    after: str
    host: str
    system: str
    signature: bytes  # of proof.token_message
    perhaps: list[str] = []
    trusts: list[str] = []  # proof.authority_print of each CA it has pinned


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")]  # it goes into a header
    seconds: int  # that it is good for
    rotate: bool  # it is time for a fresh key
    # 0, or when (UTC µs) this home was found not to be the one heard last: its numbers may have been used by another,
    # so what waits goes to a new stream, once for each such time
    forked_at: int
    server: int  # the server's clock when it answered, UTC µs
    ca: str = ""  # PEM: the CAs to trust from now on, where they are others than were said


class RotationAsk(msgspec.Struct, frozen=True, kw_only=True):
    """To /api/agent/rotation. Answered with a Rotation: the fresh key counts, and the old one no longer.

    It may be asked again: by who heard no answer, and by who is not known to a server that was restored.
    """

    public_key: bytes
    fresh: bytes
    challenge: bytes
    by_old: bytes  # signatures of proof.rotation_message
    by_fresh: bytes


class Rotation(msgspec.Struct, frozen=True):
    done: bool = True


IdentityAsk = IntroductionAsk | EnrollmentAsk | ChallengeAsk | TokenAsk | RotationAsk


IdentityAnswer = Introduction | Enrollment | Challenge | Token | Rotation
