"""What can be asked without a token: by a PC that is to become an agent, and by an agent that wants its token."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session

from agent import wire
from server.accounts.dependencies import Clock, StateOf
from server.agents.enrolling import enroll, introduce
from server.agents.granting import grant, rotate
from server.answers import Accepted, Asked, agent_answer, agent_body, answer, read
from server.errors import ServerError
from server.state import State

router = APIRouter(prefix="/api/agent", tags=["agents"])

T = TypeVar("T")


async def _address(request: Request) -> str:
    return (request.client.host if request.client else "")[:64]


async def _code_address(state: StateOf, address: Annotated[str, Depends(_address)]) -> str:
    state.limits.code.take(address)
    return address


async def _token_address(state: StateOf, address: Annotated[str, Depends(_address)]) -> str:
    state.limits.token.take(address)
    return address


CodeAddress = Annotated[str, Depends(_code_address)]
TokenAddress = Annotated[str, Depends(_token_address)]


def _takes(ask: type, gives: type) -> dict[str, Any]:
    return {"response_class": Response, "responses": agent_answer(gives), "openapi_extra": agent_body(ask)}


def _written(state: State, change: Callable[[Session], T | ServerError]) -> T:
    """What `change` gives, once it is durable. A refusal too is raised only then: what it counted is to stay."""
    with state.database.write() as session:
        outcome = change(session)
    if isinstance(outcome, ServerError):
        raise outcome
    return outcome


@router.post(
    "/introduction", summary="Does the server know this code?", **_takes(wire.IntroductionAsk, wire.Introduction)
)
def introduction(asked: Asked, state: StateOf, _: CodeAddress, now: Clock, media: Accepted) -> Response:
    """The answer carries the CA to pin, and a proof that only who knows the code's secret part can make or check."""
    ask = read(asked, wire.IntroductionAsk)
    with state.database.read() as session:
        return answer(introduce(session, state.voice, state.key, ask, now()), media)


@router.post("/enrollment", summary="Enrol an agent's key", **_takes(wire.EnrollmentAsk, wire.Enrollment))
def enrollment(asked: Asked, state: StateOf, address: CodeAddress, now: Clock, media: Accepted) -> Response:
    """Once for each code. Ten wrong proofs void a code. Of an agent that has a key already, a person must confirm."""
    ask = read(asked, wire.EnrollmentAsk)
    return answer(_written(state, lambda session: enroll(session, state.key, ask, address, now())), media)


@router.post("/challenge", summary="What an agent signs for a token", **_takes(wire.ChallengeAsk, wire.Challenge))
async def challenge(asked: Asked, state: StateOf, _: TokenAddress, now: Clock, media: Accepted) -> Response:
    """Good for a minute, and once. Whether the server knows the key is not told here."""
    ask = read(asked, wire.ChallengeAsk)
    return answer(wire.Challenge(state.voice.challenge(ask.public_key, now())), media)


@router.post("/token", summary="A token for an agent's key", **_takes(wire.TokenAsk, wire.Token))
def token(asked: Asked, state: StateOf, address: TokenAddress, now: Clock, media: Accepted) -> Response:
    """401: the key is not known. 403: it waits, was revoked or replaced, or the agent is in quarantine."""
    ask = read(asked, wire.TokenAsk)
    return answer(_written(state, lambda session: grant(session, state.voice, ask, address, now())), media)


@router.post("/rotation", summary="Put a fresh key in an agent's place", **_takes(wire.RotationAsk, wire.Rotation))
def rotation(asked: Asked, state: StateOf, address: TokenAddress, now: Clock, media: Accepted) -> Response:
    """Signed by the old key and by the fresh one. From the answer on the old one is worth nothing."""
    ask = read(asked, wire.RotationAsk)
    return answer(_written(state, lambda session: rotate(session, state.voice, ask, address, now())), media)
