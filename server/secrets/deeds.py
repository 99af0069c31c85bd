"""Setting a secret. The journal says that it was set, and never to what."""

import re

from sqlmodel import Session

from server.errors import Invalid
from server.journal.deeds import Act, record
from server.secrets.sealing import seal
from server.secrets.tables import Secret

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LONGEST = 4096


def set_secret(session: Session, act: Act, key: bytes, name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid("{name} is not a secret's name: use small letters, digits, '.', '_' and '-'.", name=name)
    if not 0 < len(value) <= LONGEST or "\0" in value:
        raise Invalid("A secret is a text of 1 to {longest} characters.", longest=LONGEST)
    session.merge(Secret(name=name, sealed=seal(key, name, value), changed_at=act.now))
    record(session, act, deed="secret.set", about=f"secret:{name}")
