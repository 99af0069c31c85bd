"""What a deed may say no with. The API turns each into its status; a command into its exit code.

ServerError
├── NotFound       there is no such thing, or it is out of the person's scope (which looks the same)
├── Forbidden      the person's role may not do this
├── Conflict       the thing is not in a state that allows it
├── Invalid        what was said cannot be right
├── Unauthorized   nobody is signed in, or not with this password
└── Unavailable    the server cannot do it now: its disk is full, it is shutting down
"""

from typing import ClassVar


class ServerError(Exception):
    """`key` names the sentence in the catalogue of texts, `detail` is the English sentence."""

    status: ClassVar[int] = 500

    def __init__(self, detail: str, **values: str | int) -> None:
        super().__init__(detail.format(**values) if values else detail)
        self.template = detail
        self.values = values


class NotFound(ServerError):
    status = 404


class Forbidden(ServerError):
    status = 403


class Conflict(ServerError):
    status = 409


class Invalid(ServerError):
    status = 422


class Unauthorized(ServerError):
    status = 401


class Unavailable(ServerError):
    status = 503
