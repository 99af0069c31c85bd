"""The ledger as people read it: now, or as it was on any date and known on any other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.coverage.present import present
from server.errors import NotFound
from server.inventory.tables import Duty, Position, Subject
from server.journal.queries import head_seq
from server.journal.tables import JournalRow
from server.ledger.names import Names, names_at
from server.ledger.search import field, matches
from server.ledger.tables import Card, CardStatus, CardVersion
from server.schemas.ledger import CardDetail, CardOut, CardPage, CardVersionOut
from server.schemas.tickets import TicketOut
from server.storage.types import FOREVER
from server.tickets.queries import asked as asked_tickets
from server.tickets.queries import outs as ticket_outs
from server.tickets.tables import Ticket

Home = aliased(Subject)
Place = aliased(Subject)
TICKETS = 50  # shown with a card
VERSIONS = 200


@dataclass(frozen=True)
class Asked:
    """Which cards; what is left out is not asked about."""

    q: str = ""
    branch: str | None = None
    cls: str | None = None
    status: CardStatus | None = None
    keeperless: bool = False  # only machines nobody keeps, scrapped ones aside


@dataclass(frozen=True)
class AsOf:
    """A moment on each axis of time. None: as it is now, as known now."""

    effective: int | None = None
    known: int | None = None

    def condition(self) -> ColumnElement[bool]:
        return and_(
            _at(self.effective, col(CardVersion.effective_from), col(CardVersion.effective_to)),
            _at(self.known, col(CardVersion.known_from), col(CardVersion.known_to)),
        )


NOW = AsOf()


def page(
    session: Session, viewer: Scoped, asked: Asked, as_of: AsOf = NOW, *, offset: int, limit: int, now: int
) -> CardPage:
    """Cards by branch and asset number."""
    names = names_at(session)
    wanted = versions(viewer, asked, as_of, names)
    # Of the places these machines stand at; of another day than today nothing is fresh or stale.
    places = wanted.order_by(None).with_only_columns(col(CardVersion.position_id))
    return CardPage(
        total=count(session, wanted),
        offset=offset,
        coverage=present(session, viewer, now, col(Position.id).in_(places)) if as_of == NOW else None,
        at=now,
        rows=[card_out(row, names) for row in session.execute(wanted.offset(offset).limit(limit))],
        journal_seq=head_seq(session),
    )


def versions(viewer: Scoped, asked: Asked, as_of: AsOf, names: Names) -> Select[*tuple[Any, ...]]:
    """The versions asked for that `viewer` may see, each with its card, branch and position.

    Their order is that of ids and asset numbers, which no later deed changes.
    """
    return (
        _joined()
        .where(as_of.condition(), in_scope(viewer, col(CardVersion.branch_id)), *_wanted(asked, names))
        .order_by(col(CardVersion.branch_id), col(Card.asset))
    )


def count(session: Session, wanted: Select[*tuple[Any, ...]]) -> int:
    counted: int = session.execute(wanted.order_by(None).with_only_columns(func.count())).scalar_one()
    return counted


def watched(session: Session, wanted: Select[*tuple[Any, ...]], seq: int) -> int:
    """How many of the machines stood at a position that was polled after the deed `seq`. No later deed changes it."""
    duty = (
        select(col(Duty.subject_id))
        .where(col(Duty.since_seq) <= seq, col(Duty.until_seq).is_(None) | (col(Duty.until_seq) > seq))
        .distinct()
    )
    return count(session, wanted.where(col(CardVersion.position_id).in_(duty)))


def stream(session: Session, wanted: Select[*tuple[Any, ...]], names: Names) -> Iterator[CardOut]:
    """Card after card; never all of them in memory."""
    for row in session.execute(wanted, execution_options={"yield_per": 1000}):
        yield card_out(row, names)


def detail(session: Session, viewer: Scoped, asset: str, lang: str) -> CardDetail:
    """A card, its versions newest knowledge first, and the tickets of the positions while it stood there."""
    names = names_at(session)
    row = session.execute(versions(viewer, Asked(), NOW, names).where(col(Card.asset) == asset)).one_or_none()
    if row is None:
        raise NotFound("There is no machine {asset} in the ledger.", asset=asset)
    card_id = row[0].card_id
    told = session.execute(
        _told()
        .where(col(CardVersion.card_id) == card_id)
        .order_by(col(CardVersion.known_from).desc(), col(CardVersion.effective_from).desc())
        .limit(VERSIONS)
    )
    return CardDetail(
        card=card_out(row, names),
        versions=[_version_out(one) for one in told],
        tickets=_tickets(session, card_id, lang),
    )


def cards_at(session: Session, positions: Sequence[int]) -> dict[int, CardOut]:
    """The machine that fills each of these positions now, by the position's id. Scope is the caller's matter."""
    names = names_at(session)
    wanted = _joined().where(NOW.condition(), col(CardVersion.position_id).in_(positions))
    return {row[0].position_id: card_out(row, names) for row in session.execute(wanted)}


def machines_at(session: Session, position_id: int) -> list[CardVersionOut]:
    """Every machine known to have stood at a position, newest first."""
    told = session.execute(
        _told()
        .where(col(CardVersion.position_id) == position_id, col(CardVersion.known_to) == FOREVER)
        .order_by(col(CardVersion.effective_from).desc())
        .limit(VERSIONS)
    )
    return [_version_out(one) for one in told]


def card_out(row: Row[*tuple[Any, ...]], names: Names) -> CardOut:
    """A row of `versions` as the API says it."""
    version, asset, home, place = row
    branch, branch_name = names.of_subject(home.id, home.key, home.name)
    position, position_name = names.of_subject(place.id, place.key, place.name) if place else (None, None)
    said = version.fields
    return CardOut(
        asset=asset,
        name=said["name"],
        cls=said["cls"],
        cls_name=names.of_class(said["cls"]),
        branch=branch,
        branch_name=branch_name,
        position=position,
        position_name=position_name,
        status=version.status.value,
        maker=said.get("maker", ""),
        model=said.get("model", ""),
        serial=said.get("serial", ""),
        terminal=said.get("terminal", ""),
        keeper=said.get("keeper", ""),
        place=said.get("place", ""),
        zone=said.get("zone", ""),
        bought=said.get("bought"),
        in_service=said.get("in_service"),
        price=said.get("price"),
        supplier=said.get("supplier", ""),
        maintainer=said.get("maintainer", ""),
        warranty=said.get("warranty"),
        note=said.get("note", ""),
        effective_from=version.effective_from,
        known_from=version.known_from,
    )


def _joined() -> Select[*tuple[Any, ...]]:
    joined: Select[*tuple[Any, ...]] = (
        select(CardVersion, col(Card.asset), Home, Place)
        .join(Card, col(Card.id) == col(CardVersion.card_id))
        .join(Home, col(Home.id) == col(CardVersion.branch_id))
        .join(Place, col(Place.id) == col(CardVersion.position_id), isouter=True)
    )
    return joined


def _told() -> Select[*tuple[Any, ...]]:
    """Versions with their branch, position, and the deed that made them."""
    return (
        _joined()
        .add_columns(col(JournalRow.actor), col(JournalRow.reason))
        .join(JournalRow, col(JournalRow.seq) == col(CardVersion.journal_seq))
    )


def _wanted(asked: Asked, names: Names) -> Iterator[ColumnElement[bool]]:
    home = names.key(col(Home.id), col(Home.key)), names.name(col(Home.id), col(Home.name))
    place = names.key(col(Place.id), col(Place.key)), names.name(col(Place.id), col(Place.name))
    if asked.q.strip():
        yield matches(asked.q, (home[1], *place))
    if asked.branch is not None:
        yield home[0] == asked.branch
    if asked.cls is not None:
        yield field("cls") == asked.cls
    if asked.status is not None:
        yield col(CardVersion.status) == asked.status
    if asked.keeperless:
        yield field("keeper").is_(None) & (col(CardVersion.status) != CardStatus.SCRAPPED)


def _at(moment: int | None, start: Any, end: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = end == FOREVER if moment is None else and_(start <= moment, end > moment)
    return condition


def _version_out(row: Row[*tuple[Any, ...]]) -> CardVersionOut:
    version, asset, home, place, actor, reason = row
    return CardVersionOut(
        effective_from=version.effective_from,
        effective_to=_end(version.effective_to),
        known_from=version.known_from,
        known_to=_end(version.known_to),
        branch=home.key,
        position=place.key if place else None,
        status=version.status.value,
        fields={"asset": asset, **version.fields},
        by=actor,
        reason=reason,
    )


def _end(moment: int) -> int | None:
    return None if moment == FOREVER else moment


def _tickets(session: Session, card_id: int, lang: str) -> list[TicketOut]:
    """What was reported at each position while this machine stood there."""
    stays = session.execute(
        select(col(CardVersion.position_id), col(CardVersion.effective_from), col(CardVersion.effective_to)).where(
            col(CardVersion.card_id) == card_id,
            col(CardVersion.known_to) == FOREVER,
            col(CardVersion.position_id).is_not(None),
        )
    ).all()
    if not stays:
        return []
    opened, subject = col(Ticket.opened_at), col(Ticket.subject_id)
    during = or_(*(and_(subject == place, opened >= start, opened < end) for place, start, end in stays))
    rows = session.execute(asked_tickets(during).order_by(col(Ticket.id).desc()).limit(TICKETS)).all()
    return ticket_outs(session, rows, lang)
