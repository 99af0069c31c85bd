"""What is done to the ledger: machines are registered, amended, placed and retired; nothing of the past is overwritten.

Every deed may be dated back. It is then known from now on, and so since then; what was known before stays readable.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, select

from server.errors import Conflict, Invalid, NotFound
from server.events.publish import invalidate
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act, record, take_turn
from server.journal.personal import seal_personal
from server.ledger.export import Written
from server.ledger.fields import PERSONAL, CardFields
from server.ledger.queries import Asked
from server.ledger.tables import Card, CardStatus
from server.ledger.timeline import (
    SERVING,
    Standing,
    Stretch,
    Timeline,
    arrivals,
    begin,
    standing_ends,
    stretch_at,
    with_fields,
    with_standing,
    without_position,
)
from server.ledger.versions import Known, close, known, known_at_position, next_knowing, open_new
from server.storage.types import FOREVER


def register(
    session: Session,
    act: Act,
    asset: str,
    fields: CardFields,
    *,
    branch: str,
    position: str | None = None,
    status: CardStatus = CardStatus.IN_USE,
    effective_at: int | None = None,
    reason: str = "",
) -> Card:
    """A machine the ledger did not know. With `position`, whatever stood there is taken out to spare."""
    at = _effective(session, act, effective_at)
    if session.exec(select(Card).where(Card.asset == asset)).first():
        raise Conflict("The asset number {asset} is in the ledger already.", asset=asset)
    where = _subject(session, SubjectKind.BRANCH, branch)
    card = Card(asset=asset)
    session.add(card)
    session.flush()
    new = Known(card, [], begin(at, Standing(where.id or 0, None, status), fields.stored()))
    changes = [(new, new.timeline)]
    after: dict[str, Any] = {"branch": branch, "status": status.value, **fields.stored()}
    if position is not None:
        if status not in SERVING:
            raise Invalid("A machine that fills a position is in use or stopped, not {status}.", status=status.value)
        there = _subject(session, SubjectKind.POSITION, position)
        changes, out = _placed(session, new, there, at, status)
        after |= {"position": position, "branch": _key(session, there.branch_id)} | ({"out": out} if out else {})
    _settle(session, act, changes, "ledger.register", asset, None, after, at, reason)
    return card


def amend(
    session: Session,
    act: Act,
    asset: str,
    fields: dict[str, Any] | None = None,
    *,
    branch: str | None = None,
    status: CardStatus | None = None,
    effective_at: int | None = None,
    reason: str = "",
) -> None:
    """Change fields, the branch (调拨) or the status. Another branch, or a status that does not serve, empties the
    position the machine filled."""
    at, card = _begin(session, act, asset, effective_at)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    timeline = card.timeline
    stretch = _must_be_there(card, at)
    if fields:
        checked = _checked(stretch.fields, fields)
        before |= {name: stretch.fields.get(name) for name in fields}
        after |= {name: checked.get(name) for name in fields}
        timeline = with_fields(timeline, at, {name: checked.get(name) for name in fields})
    if branch is not None or status is not None:
        if status is CardStatus.SCRAPPED:
            raise Invalid("A machine is scrapped by the deed of its own, not by a change of status.")
        if stretch.standing.status is CardStatus.SCRAPPED:
            raise Conflict("{asset} is scrapped; only its fields can still be put right.", asset=asset)
        where = _subject(session, SubjectKind.BRANCH, branch).id if branch else None
        changed = _moved(where, status)
        before |= _said(session, stretch.standing)
        after |= _said(session, changed(stretch.standing))
        timeline = with_standing(timeline, at, changed)
    _settle(session, act, [(card, timeline)], "ledger.amend", asset, before, after, at, reason)


def place(
    session: Session, act: Act, asset: str, position: str, *, effective_at: int | None = None, reason: str = ""
) -> None:
    """Put a machine into a position. The machine that filled it goes to spare in the same deed: that is a swap."""
    at, card = _begin(session, act, asset, effective_at)
    there = _subject(session, SubjectKind.POSITION, position)
    stretch = _must_be_there(card, at)
    if stretch.standing.status is CardStatus.SCRAPPED:
        raise Conflict("{asset} is scrapped and cannot be put anywhere.", asset=asset)
    if stretch.standing.position_id == there.id:
        raise Conflict("{asset} fills {position} already.", asset=asset, position=position)
    changes, out = _placed(session, card, there, at, CardStatus.IN_USE)
    after = {"position": position, "branch": _key(session, there.branch_id), "status": CardStatus.IN_USE.value}
    after |= {"out": out} if out else {}
    _settle(session, act, changes, "ledger.place", asset, _said(session, stretch.standing), after, at, reason)


def retire(session: Session, act: Act, asset: str, *, effective_at: int | None = None, reason: str = "") -> None:
    """Scrap a machine. Its card stays."""
    at, card = _begin(session, act, asset, effective_at)
    stretch = _must_be_there(card, at)
    if stretch.standing.status is CardStatus.SCRAPPED:
        raise Conflict("{asset} is scrapped already.", asset=asset)
    if standing_ends(card.timeline, at) < FOREVER:
        raise Conflict("{asset} was moved after that day; put that right first.", asset=asset)
    timeline = with_standing(card.timeline, at, lambda old: Standing(old.branch_id, None, CardStatus.SCRAPPED))
    after = {"status": CardStatus.SCRAPPED.value}
    _settle(
        session, act, [(card, timeline)], "ledger.retire", asset, _said(session, stretch.standing), after, at, reason
    )


def note_export(session: Session, act: Act, written: Written, asked: Asked) -> None:
    """Write down that somebody took the ledger away: of which seq, how much, and the digest of the file."""
    after = {
        "format": written.format.value,
        "seq": written.seq,
        "rows": written.rows,
        "watched": written.watched,
        "sha256": written.sha256,
        "branch": asked.branch,
        "class": asked.cls,
        "status": asked.status.value if asked.status else None,
        "keeper": "none" if asked.keeperless else None,
        "search": seal_personal(session, asked.q) if asked.q else None,  # people search for people
    }
    record(session, act, deed="ledger.export", about="ledger", after=after)


# -- how -------------------------------------------------------------------------------------------


def _effective(session: Session, act: Act, effective_at: int | None) -> int:
    """Takes the turn. What is so from now on is so after all that was said before, even by a clock that was ahead."""
    take_turn(session)
    if effective_at is None:
        return next_knowing(session, act.now)
    if effective_at > act.now:
        raise Invalid("The ledger says what is so, and this day is still to come.")
    return effective_at


def _begin(session: Session, act: Act, asset: str, effective_at: int | None) -> tuple[int, Known]:
    at = _effective(session, act, effective_at)
    card = session.exec(select(Card).where(Card.asset == asset)).first()
    if card is None:
        raise NotFound("There is no machine {asset} in the ledger.", asset=asset)
    return at, known(session, card)


def _must_be_there(card: Known, at: int) -> Stretch:
    stretch = stretch_at(card.timeline, at)
    if stretch is None:
        raise Conflict("{asset} was not in the ledger yet on that day.", asset=card.card.asset)
    return stretch


def _checked(old: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The fields after `changes`, as they are kept."""
    try:
        return CardFields.model_validate({**old, **changes}).stored()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise Invalid("The field {field} cannot be {value}.", field=field, value=str(first["input"])[:80]) from None


def _moved(branch_id: int | None, status: CardStatus | None) -> Callable[[Standing], Standing]:
    def change(old: Standing) -> Standing:
        new = replace(old, branch_id=branch_id or old.branch_id)
        if new.branch_id != old.branch_id and old.position_id is not None:
            new = new.away()
        if status is not None:
            new = replace(new, status=status, position_id=new.position_id if status in SERVING else None)
        return new

    return change


def _placed(
    session: Session, card: Known, there: Subject, at: int, status: CardStatus
) -> tuple[list[tuple[Known, Timeline]], str | None]:
    """The timelines after `card` comes to `there` at `at`, and the asset of the machine it takes the place of.

    It stays until its own next known move, or until the next machine is known to have come there.
    """
    position_id = there.id or 0
    others = [other for other in known_at_position(session, position_id) if other.id != card.id]
    leaves = standing_ends(card.timeline, at)
    relieved = min((moment for other in others for moment in arrivals(other.timeline, position_id, at)), default=leaves)
    serving = Standing(there.branch_id, position_id, status)
    timeline = with_standing(card.timeline, at, lambda _: serving.away(), leaves)  # what it is once relieved
    timeline = with_standing(timeline, at, lambda _: serving, min(leaves, relieved))
    changes = [(card, timeline)]
    out = None
    for other in others:
        stretch = stretch_at(other.timeline, at)
        if stretch and stretch.standing.position_id == position_id:
            changes.append((other, without_position(other.timeline, at)))
            out = other.card.asset
    return changes, out


def _settle(
    session: Session,
    act: Act,
    changes: list[tuple[Known, Timeline]],
    deed: str,
    asset: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    at: int,
    reason: str,
) -> None:
    """Write the deed and the versions it makes."""
    if all(card.rows and timeline == card.timeline for card, timeline in changes):
        raise Conflict("That is what the ledger says of {asset} already; nothing was changed.", asset=asset)
    knowing = next_knowing(session, act.now)
    close(session, changes, knowing)
    seq = record(
        session,
        act,
        deed=deed,
        about=f"card:{asset}",
        before=sealed(session, before),
        after=sealed(session, after),
        reason=reason,
        effective_at=at,
    )
    open_new(session, changes, knowing, seq)
    for card, timeline in changes:
        publish(session, card, timeline, act.now)


def publish(session: Session, card: Known, timeline: Timeline, now: int) -> None:
    """Have the screens of the branches and positions it was at and is at fetch again."""
    ends = [line[-1].standing for line in (card.timeline, timeline) if line]
    for branch_id in sorted({standing.branch_id for standing in ends}):
        invalidate(session, "card", card.card.asset, branch_id, now)
    for position_id, branch_id in sorted({(end.position_id, end.branch_id) for end in ends if end.position_id}):
        invalidate(session, "position", _key(session, position_id), branch_id, now)


def sealed(session: Session, values: dict[str, Any] | None) -> dict[str, Any] | None:
    """`values` with what is personal behind a commitment."""
    if values is None:
        return None
    return {
        name: seal_personal(session, value) if name in PERSONAL and value else value for name, value in values.items()
    }


def _said(session: Session, standing: Standing) -> dict[str, Any]:
    return {
        "branch": _key(session, standing.branch_id),
        "position": _key(session, standing.position_id) if standing.position_id else None,
        "status": standing.status.value,
    }


def _subject(session: Session, kind: SubjectKind, key: str) -> Subject:
    found = session.exec(
        select(Subject).where(Subject.kind == kind, Subject.key == key, col(Subject.removed_at).is_(None))
    ).first()
    if found is None:
        template = {
            SubjectKind.BRANCH: "There is no branch {key}.",
            SubjectKind.POSITION: "There is no position {key}.",
        }[kind]
        raise NotFound(template, key=key)
    return found


def _key(session: Session, subject_id: int) -> str:
    return session.get_one(Subject, subject_id).key
