"""What an inventory does to the ledger: seeds machines it does not know, and renames classes. One deed for all."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from agent.inventory.schema import Device
from server.events.publish import invalidate
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act, record, take_turn
from server.journal.merkle import merkle_root
from server.ledger.deeds import sealed
from server.ledger.fields import CardFields
from server.ledger.search import field
from server.ledger.tables import Card, CardStatus, CardVersion
from server.ledger.timeline import Standing, Timeline, begin, everywhere
from server.ledger.versions import Known, close, known, next_knowing, open_first, open_new
from server.storage.bulk import insert_all
from server.storage.types import FOREVER, canonical, new_uid

KEPT = 256 << 10  # bytes of lines the journal keeps as they are; of more it keeps the root


@dataclass(frozen=True)
class Machine:
    """A machine to be registered; `position` is a key, None for one that stands nowhere."""

    asset: str
    fields: CardFields
    branch: str
    position: str | None
    status: CardStatus

    @classmethod
    def of(cls, device: Device, *, places: bool) -> "Machine":
        """`places` False: somebody else stands there, so it is a spare."""
        position = f"{device.branch}/{device.position}" if device.position else None
        status = CardStatus(device.status)
        if position and not places:
            position, status = None, CardStatus.SPARE
        return cls(device.asset, CardFields.of(device), device.branch, position, status)


def seed(session: Session, act: Act, machines: list[Machine]) -> None:
    """Register machines the ledger does not know. Nobody is moved: a position that is filled stays so."""
    if not machines:
        return
    take_turn(session)
    knowing = next_knowing(session, act.now)
    subjects = session.exec(select(Subject.kind, Subject.key, Subject.id).where(col(Subject.removed_at).is_(None)))
    ids = {(kind, key): own or 0 for kind, key, own in subjects}
    cards = _cards(session, machines)
    lines = [canonical(sealed(session, _said(machine))) for machine in machines]
    seq = record(session, act, deed="ledger.seed", about="ledger", after=_proof(lines), effective_at=knowing)
    open_first(session, (_begun(cards[machine.asset], machine, ids, knowing) for machine in machines), knowing, seq)
    invalidate(session, "card", "", None, act.now)


def _cards(session: Session, machines: list[Machine]) -> dict[str, int]:
    """Cards for these machines: ids by asset."""
    last = session.exec(select(func.max(Card.id))).one() or 0
    insert_all(session, Card, ({"uid": new_uid(), "asset": machine.asset} for machine in machines))
    return {asset: own or 0 for asset, own in session.exec(select(Card.asset, Card.id).where(col(Card.id) > last))}


def _begun(card: int, machine: Machine, ids: dict[tuple[str, str], int], knowing: int) -> tuple[int, Timeline]:
    place = ids[SubjectKind.POSITION, machine.position] if machine.position else None
    standing = Standing(ids[SubjectKind.BRANCH, machine.branch], place, machine.status)
    return card, begin(knowing, standing, machine.fields.stored())


def reclass(session: Session, act: Act, renamed: dict[str, str]) -> None:
    """Classes have new keys: the cards say the new one, for all time, as known from now on."""
    if not renamed:
        return
    take_turn(session)
    cls = field("cls")
    of_them = select(CardVersion.card_id).where(CardVersion.known_to == FOREVER, cls.in_(renamed))
    changes: list[tuple[Known, Timeline]] = []
    for card in session.exec(select(Card).where(col(Card.id).in_(of_them)).order_by(col(Card.id))).all():
        before = known(session, card)
        changes.append((before, everywhere(before.timeline, lambda fields: _reclassed(fields, renamed))))
    if not changes:
        return
    knowing = next_knowing(session, act.now)
    close(session, changes, knowing)
    lines = [canonical({"asset": before.card.asset}) for before, _ in changes]
    after = {**_proof(lines), "to": renamed}
    seq = record(session, act, deed="ledger.reclass", about="ledger", after=after)
    open_new(session, changes, knowing, seq)
    invalidate(session, "card", "", None, act.now)


def _reclassed(fields: dict[str, Any], renamed: dict[str, str]) -> dict[str, Any]:
    return {**fields, "cls": renamed.get(fields["cls"], fields["cls"])}


def _said(machine: Machine) -> dict[str, Any]:
    return {
        "asset": machine.asset,
        "branch": machine.branch,
        "position": machine.position,
        "status": machine.status.value,
        **machine.fields.stored(),
    }


def _proof(lines: list[str]) -> dict[str, Any]:
    proof: dict[str, Any] = {"count": len(lines), "root": merkle_root(lines)}
    return proof | {"lines": lines} if sum(map(len, lines)) <= KEPT else proof
