"""The two doors that thousands of agents knock at: FastAPI describes them, and `server/http/front.py` lets in.

Its layers and dependencies, and a thread for the token of each request, cost several times what is asked for there.
"""

from collections.abc import Callable, Iterable

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from server.accounts.tokens import hash_token
from server.agents.dependencies import BEARER
from server.http.answers import agent_answer, agent_body
from server.http.front import Endpoint


class Door(APIRoute):
    """Its endpoint is handed the request. What else the endpoint takes is there to be described."""


def doors(routers: Iterable[APIRouter]) -> dict[tuple[str, str], Endpoint]:
    """By method and path."""
    routes = (route for router in routers for route in router.routes if isinstance(route, Door))
    return {(method, route.path): route.endpoint for route in routes for method in route.methods or ()}


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
