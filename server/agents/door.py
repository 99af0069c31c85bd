"""The two doors that thousands of agents knock at: FastAPI describes them, and solves nothing for them.

Its dependencies, and a thread for the token of each request, cost several times what is asked for there.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from server.accounts.tokens import hash_token
from server.agents.dependencies import BEARER
from server.answers import agent_answer, agent_body

Endpoint = Callable[..., Coroutine[Any, Any, Response]]


class Door(APIRoute):
    """A route that hands its request to its endpoint. What else the endpoint takes is there to be described."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


def door(
    router: APIRouter, method: str, path: str, *, summary: str, gives: type, takes: type | None = None
) -> Callable[[Endpoint], Endpoint]:
    """Stands where `router.get` would: `takes` and `gives` are what the wire calls body and answer."""

    def register(endpoint: Endpoint) -> Endpoint:
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            summary=summary,
            dependencies=[Depends(BEARER)],
            response_class=Response,
            responses=agent_answer(gives),
            openapi_extra=agent_body(takes) if takes is not None else None,
            route_class_override=Door,
        )
        return endpoint

    return register


def digest_of(request: Request) -> str:
    """Of the token that was said; that of "" if none was."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return hash_token(token.strip() if scheme.lower() == "bearer" else "")
