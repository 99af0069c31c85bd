"""Positions whose hosts sign what they say, and the key each signs with."""

from typing import NamedTuple

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from agent.inventory.posted import DeviceError, System, ready
from server.errors import Conflict, NotFound
from server.inventory.tables import Position, Subject, SubjectKind
from server.journal.deeds import Act, record
from server.secrets.queries import opened as opened_secrets
from server.secrets.sealing import fill_in, names_in

DRIVER = "host/posted"


class Posting(NamedTuple):
    subject: Subject
    address: str  # where its agent takes what is posted
    key: bytes


def posting(session: Session, seal: bytes | None, key: str, *limits: ColumnElement[bool]) -> Posting:
    """The position of that key. NotFound, also where its secret is not set; Conflict where its host does not post."""
    asked = select(Subject, Position).join(Position, col(Position.id) == col(Subject.id))
    found = session.exec(
        asked.where(
            Subject.kind == SubjectKind.POSITION, Subject.key == key, col(Subject.removed_at).is_(None), *limits
        )
    ).one_or_none()
    if found is None:
        raise NotFound("There is no position {key}.", key=key)
    subject, position = found
    if position.driver != DRIVER:
        raise Conflict("{key} is no host that posts: its driver is not host/posted.", key=key)
    names = names_in(position.options)
    known = opened_secrets(session, seal, names) if seal and names else {}
    try:
        said = fill_in(position.options, known).get("key", "")
    except KeyError as missing:
        name = missing.args[0]
        raise NotFound("There is no secret {name}: branchfleet-server secret set {name}", name=name) from None
    return Posting(subject, position.address, str(said).encode())


def script_of(session: Session, act: Act, seal: bytes, key: str, system: System) -> bytes:
    """The ready script of that position, which holds its key."""
    found = posting(session, seal, key)
    try:
        written = ready(system, key, found.address, found.key)
    except DeviceError as error:
        raise Conflict("No script can be written: {why}", why=error.detail) from error
    record(session, act, deed="host.script", about=key, after={"for": system})
    return written
