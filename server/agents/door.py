"""The two doors that thousands of agents knock at: FastAPI describes them, and solves nothing for them.

Its dependencies, and a thread for the token of each request, cost several times what is asked for there.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from server.accounts.tokens import hash_token


class Door(APIRoute):
    """A route that hands its request to its endpoint. What else the endpoint takes is there to be described."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


def digest_of(request: Request) -> str:
    """Of the token that was said; that of "" if none was."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return hash_token(token.strip() if scheme.lower() == "bearer" else "")
