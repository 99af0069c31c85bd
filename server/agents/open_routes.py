"""What can be asked without a token: by a PC that is to become an agent, and by an agent that wants its token."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Response
from sqlmodel import Session

from agent import wire
from server.accounts.dependencies import Clock, StateOf
from server.accounts.tokens import hash_token
from server.agents.dependencies import Address, Turn
from server.agents.enrolling import enroll, introduce, knows_the_code
from server.agents.granting import grant, known, rotate, signed_rotation, signed_token
from server.agents.limits import neighbours, strangers
from server.errors import ServerError
from server.http.answers import Accepted, Asked, agent_answer, agent_body, answer, read
from server.state import State

router = APIRouter(prefix="/api/agent", tags=["agents"])

T = TypeVar("T")


def _takes(ask: type, gives: type) -> dict[str, Any]:
    return {"response_class": Response, "responses": agent_answer(gives), "openapi_extra": agent_body(ask)}


def _written(state: State, change: Callable[[Session], T | ServerError]) -> T:
    """What `change` gives, once it is durable. A refusal too is raised only then: what it counted is to stay."""
    with state.database.write() as session:
        outcome = change(session)
    if isinstance(outcome, ServerError):
        raise outcome
    return outcome


def _known(state: State, public_key: bytes) -> int:
    """The agent that has this key; looked up without a turn to write, which others wait for."""
    with state.database.read() as session:
        agent = known(session, public_key).agent_id
    state.limits.key.take(public_key)
    return agent


@router.post(
    "/introduction", summary="Does the server know this code?", **_takes(wire.IntroductionAsk, wire.Introduction)
)
def introduction(asked: Asked, state: StateOf, address: Address, now: Clock, media: Accepted) -> Response:
    """The answer carries the CA to pin, and a proof that only who knows the code's secret part can make or check."""
    with strangers(state.limits.code, address):
        ask = read(asked, wire.IntroductionAsk)
        with state.database.read() as session:
            return answer(introduce(session, state.voice, state.key, ask, now()), media)


@router.post("/enrollment", summary="Enrol an agent's key", **_takes(wire.EnrollmentAsk, wire.Enrollment))
def enrollment(asked: Asked, state: StateOf, address: Address, now: Clock, media: Accepted) -> Response:
    """Once for each code. Ten wrong proofs void a code. Of an agent that has a key already, a person must confirm."""
    with strangers(state.limits.code, address):
        ask = read(asked, wire.EnrollmentAsk)
        with state.database.read() as session:
            right = knows_the_code(session, state.key, ask, now())
    if not right:  # no more tries are counted, nor told of, than an address may make
        state.limits.code.take(neighbours(address))
    return answer(_written(state, lambda session: enroll(session, state.key, ask, address, now())), media)


@router.post(
    "/challenge",
    dependencies=[Turn],
    summary="What an agent signs for a token",
    **_takes(wire.ChallengeAsk, wire.Challenge),
)
async def challenge(asked: Asked, state: StateOf, address: Address, now: Clock, media: Accepted) -> Response:
    """Good for a minute, and once. Whether the server knows the key is not told here."""
    with strangers(state.limits.token, address):
        ask = read(asked, wire.ChallengeAsk)
        return answer(wire.Challenge(state.voice.challenge(ask.public_key, now())), media)


@router.post("/token", dependencies=[Turn], summary="A token for an agent's key", **_takes(wire.TokenAsk, wire.Token))
def token(asked: Asked, state: StateOf, address: Address, now: Clock, media: Accepted) -> Response:
    """401: the key is not known. 403: it waits, was revoked or replaced, or the agent is in quarantine."""
    with strangers(state.limits.token, address):
        ask = read(asked, wire.TokenAsk)
        issued = signed_token(state.voice, ask, now())
        _known(state, ask.public_key)
    granted = _written(state, lambda session: grant(session, state.voice, ask, issued, address, now()))
    state.limits.good.add(hash_token(granted.token))
    return answer(granted, media)


@router.post("/rotation", summary="Put a fresh key in an agent's place", **_takes(wire.RotationAsk, wire.Rotation))
def rotation(asked: Asked, state: StateOf, address: Address, now: Clock, media: Accepted) -> Response:
    """Signed by the old key and by the fresh one. From the answer on the old one is worth nothing."""
    with strangers(state.limits.token, address):
        ask = read(asked, wire.RotationAsk)
        issued = signed_rotation(state.voice, ask, now())
        agent = _known(state, ask.public_key)
    state.limits.rotation.take(agent)
    return answer(_written(state, lambda session: rotate(session, ask, issued, address, now())), media)
