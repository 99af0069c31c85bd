"""Answers to agents: msgpack unless JSON is asked for, both described in the API's description."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request, Response

from agent.wire import MEDIA_JSON, MEDIA_MSGPACK, Ack, Assignment, Batch

WIRE = (Batch, Ack, Assignment)
_REF = "#/components/schemas/Wire{name}"


async def _accepted(request: Request) -> str:
    accept = request.headers.get("accept", "")
    return MEDIA_JSON if MEDIA_JSON in accept and MEDIA_MSGPACK not in accept else MEDIA_MSGPACK


Accepted = Annotated[str, Depends(_accepted)]


def answer(body: Ack | Assignment, media: str) -> Response:
    encoder = msgspec.json if media == MEDIA_JSON else msgspec.msgpack
    return Response(encoder.encode(body), media_type=media)


def wire_schemas() -> dict[str, Any]:
    """Components of the API's description for everything that crosses the wire, named Wire..."""
    _, components = msgspec.json.schema_components(WIRE, schema_hook=_anything, ref_template=_REF)
    return {f"Wire{name}": schema for name, schema in components.items()}


def _anything(_: type) -> dict[str, Any]:
    return {"description": "Whatever the driver takes"}


def agent_answer(kind: type[Ack] | type[Assignment]) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "In the media type that was asked for", "content": _content(kind)}}


def agent_body(kind: type[Batch]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": _content(kind)}}


def _content(kind: type) -> dict[str, Any]:
    schema = {"schema": {"$ref": _REF.format(name=kind.__name__)}}
    return {MEDIA_MSGPACK: schema, MEDIA_JSON: schema}
