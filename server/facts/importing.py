"""Facts that come in a file, on a stick: the host signed it, and nothing else of it is believed."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlmodel import Session, col, select

from agent.inventory.posted import DeviceError, Document, Reason, claimed, opened, sheets
from server.accounts.scope import Scoped, in_scope
from server.errors import Conflict, Invalid, NotFound, Told
from server.facts.follower import Came, keep
from server.facts.posted import Posting, posting
from server.facts.tables import FactSheet, Value
from server.inventory.tables import Subject
from server.journal.deeds import Act, record
from server.schemas.facts import FactsImport, FactsImported

AHEAD: Final = 300_000_000  # µs a host's clock may be ahead: until its date comes, a file hides what is posted later
OF_NO_RELEASE: Final = (
    "{file}: the script of {key} is changed, newer than this server, or too old: write it anew with "
    "branchfleet-server host-script {key}."
)


def import_facts(session: Session, act: Act, viewer: Scoped, seal: bytes | None, asked: FactsImport) -> FactsImported:
    """File what the host said, as of when it said it; what is older than known changes nothing. Invalid says why
    not."""
    try:
        raw = base64.b64decode(asked.content, validate=True)
    except binascii.Error:
        raise Invalid("{file} is no file of a host's facts.", file=asked.file) from None
    found, told = _opened(session, viewer, seal, asked.file, raw)
    if told.at > act.now + AHEAD:
        raise Invalid("{file} is dated in the future: the clock of {key} is wrong.", file=asked.file, key=told.position)
    try:
        read = sheets(told)
    except DeviceError as error:
        if error.reason is Reason.UNKNOWN_SCRIPT:
            raise Invalid(OF_NO_RELEASE, file=asked.file, key=told.position) from None
        raise Invalid("{file} cannot be read: {why}.", file=asked.file, why=Told(error.detail)) from None
    subject = found.subject.id or 0
    known = session.exec(
        select(FactSheet.at).where(FactSheet.subject_id == subject).order_by(col(FactSheet.at).desc())
    ).first()
    taken = known is None or told.at > known
    if taken:
        host = next((one.facts["host.name"] for one in read if "host.name" in one.facts), "")
        came = Came(told.at, act.now, 0)
        for one in read:
            facts = {**one.facts, "facts.source": "import"} if one.topic == "host" else one.facts
            keep(session, subject, came, _Sheet(one.topic, str(host), facts, one.unread))
    record(
        session,
        act,
        deed="facts.import",
        about=told.position,
        after={
            "at": told.at,
            "sha256": hashlib.sha256(raw).hexdigest(),
            "script": f"{told.script} {told.sha256}",
            "taken": taken,
        },
    )
    return FactsImported(position=told.position, at=told.at, taken=taken, known=known)


class _Sheet(NamedTuple):
    topic: str
    host: str
    facts: Mapping[str, Value]
    unread: Mapping[str, str]


def _opened(session: Session, viewer: Scoped, seal: bytes | None, file: str, raw: bytes) -> tuple[Posting, Document]:
    """Whoever did not sign it with the key of a position in scope is refused in one way."""
    key = claimed(raw)
    if key is None:
        raise Invalid("{file} is no file of a host's facts.", file=file)
    try:
        found = posting(session, seal, key, in_scope(viewer, col(Subject.branch_id)))
        told = opened(raw, found.key)
    except (NotFound, Conflict):
        told = None
    if told is None:
        raise Invalid("{file} is not signed by {key}: it was changed, or another key signed it.", file=file, key=key)
    return found, told
