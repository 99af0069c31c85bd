"""Answers to agents: msgpack unless JSON is asked for, both described in the API's description."""

from typing import Annotated, Any, TypeVar, get_args

import msgspec
from fastapi import Depends, Request, Response

from agent import wire
from agent.proof import ASK_LIMIT
from agent.wire import MEDIA_JSON, MEDIA_MSGPACK, Ack, Assignment, Batch, Orders
from server.errors import Invalid

WIRE = (Batch, Ack, Assignment, Orders, *get_args(wire.IdentityAsk), *get_args(wire.IdentityAnswer))
_REF = "#/components/schemas/Wire{name}"


async def accepted(request: Request) -> str:
    accept = request.headers.get("accept", "")
    return MEDIA_JSON if MEDIA_JSON in accept and MEDIA_MSGPACK not in accept else MEDIA_MSGPACK


async def _asked(request: Request) -> tuple[bytes, str]:
    return await request.body(), request.headers.get("content-type", "").partition(";")[0].strip().lower()


Accepted = Annotated[str, Depends(accepted)]
Asked = Annotated[tuple[bytes, str], Depends(_asked)]  # a small body, and its media type

T = TypeVar("T")


def read(asked: tuple[bytes, str], kind: type[T]) -> T:
    """A small body as what it should be; Invalid if it is not."""
    body, media = asked
    decode = msgspec.json.decode if media == MEDIA_JSON else msgspec.msgpack.decode
    if len(body) > ASK_LIMIT:
        raise Invalid("The question cannot be read: {why}.", why=f"longer than {ASK_LIMIT} bytes")
    try:
        return decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("The question cannot be read: {why}.", why=str(error)[:200].rstrip(".")) from None


def answer(body: Ack | Assignment | Orders | wire.IdentityAnswer, media: str) -> Response:
    encoder = msgspec.json if media == MEDIA_JSON else msgspec.msgpack
    return Response(encoder.encode(body), media_type=media)


def wire_schemas() -> dict[str, Any]:
    """Components of the API's description for everything that crosses the wire, named Wire..."""
    _, components = msgspec.json.schema_components(WIRE, schema_hook=_anything, ref_template=_REF)
    return {f"Wire{name}": schema for name, schema in components.items()}


def _anything(_: type) -> dict[str, Any]:
    return {"description": "Whatever the driver takes"}


def agent_answer(kind: type) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "In the media type that was asked for", "content": _content(kind)}}


def agent_body(kind: type) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": _content(kind)}}


def _content(kind: type) -> dict[str, Any]:
    schema = {"schema": {"$ref": _REF.format(name=kind.__name__)}}
    return {MEDIA_MSGPACK: schema, MEDIA_JSON: schema}
