"""Every refusal of the API as a Problem: one sentence in the language asked for, and never a traceback."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from server.errors import AWAY, BROKEN, FULL, ServerError, Told
from server.storage.full import disk_is_full
from server.texts import gettext_for, language_of
from server.wrong import wrong

_log = logging.getLogger(__name__)

_SAID: dict[str, Any] = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"content": _SAID, "description": "Nobody is signed in"},
    403: {"content": _SAID, "description": "The role or the agent may not do this"},
    404: {"content": _SAID, "description": "There is no such thing, or it is out of scope"},
    409: {"content": _SAID, "description": "The thing is not in a state that allows it"},
    413: {"content": _SAID, "description": "The body is too large"},
    415: {"content": _SAID, "description": "The body is of a kind the server does not take"},
    422: {"content": _SAID, "description": "What was said cannot be right"},
    429: {"content": _SAID, "description": "Too many requests; Retry-After says when there is room"},
    503: {"content": _SAID, "description": "The server cannot do it now"},
}

SENTENCES = {
    404: "There is no such thing.",
    405: "This is not done that way: another method is asked for.",
    408: "What was sent did not come to its end in time.",
    413: "What was sent is too large.",
}


def answer_with_problems(app: FastAPI) -> None:
    """Every exception a route lets out becomes a Problem."""
    for kind in (ServerError, RequestValidationError, HTTPException, ClientDisconnect, DBAPIError, Exception):
        app.add_exception_handler(kind, answer_to)


def _problem(request: Request, status: int, told: Told) -> JSONResponse:
    said = told.say(gettext_for(language_of(request.headers.get("accept-language"))))
    headers = {
        401: {"WWW-Authenticate": "Bearer"},
        408: {"Retry-After": "1"},
        429: {"Retry-After": str(told.values.get("seconds", 10))},
        503: {"Retry-After": "10"},
    }
    content = {"detail": said} | ({"reason": told.reason} if isinstance(told, ServerError) and told.reason else {})
    return JSONResponse(content, status, headers.get(status))


async def answer_to(request: Request, error: Exception) -> JSONResponse:  # a plain function would wait for a thread
    match error:
        case ServerError():
            return _problem(request, error.status, error)
        case RequestValidationError():
            # the first thing that is wrong, by where it stands: what a person can act on
            first = error.errors()[0]
            steps = [] if first["type"] == "json_invalid" else first["loc"]  # of broken JSON it is where it breaks
            where = ".".join(str(step) for step in steps if step != "body") or "body"
            return _problem(request, 422, Told("{where}: {what}.", where=where, what=wrong(first)))
        case ClientDisconnect():  # the line was cut in the middle of a batch: that is no defect, and nobody hears this
            _log.info("what was sent to %s broke off", request.url.path)
            return JSONResponse({}, 400)
        case HTTPException():
            answer = _problem(request, error.status_code, Told(SENTENCES.get(error.status_code, str(error.detail))))
            answer.headers.update(error.headers or {})
            return answer
        case DBAPIError() if disk_is_full(error):
            _log.error("disk full at %s", request.url.path)
            return _problem(request, 503, Told(FULL))
        case DBAPIError():
            _log.error("database failed at %s", request.url.path, exc_info=error)
            return _problem(request, 503, Told(AWAY))
        case _:
            _log.error("defect at %s", request.url.path, exc_info=error)
            return _problem(request, 500, Told(BROKEN))
