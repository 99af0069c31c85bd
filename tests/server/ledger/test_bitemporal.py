"""For any deeds in any order: one truth for each moment and each time of knowing, and none is ever rewritten."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from server.clock import SetClock
from server.errors import Conflict, ServerError
from server.inventory.tables import Branch, Position, Subject, SubjectKind
from server.journal.deeds import Act
from server.ledger.deeds import amend, place, register, retire
from server.ledger.fields import CardFields
from server.ledger.tables import Card, CardStatus, CardVersion
from server.storage.database import Database
from server.storage.types import FOREVER
from tests.tries import tries

START = 1_000
MOMENTS = list(range(START, START + 12))
FIELDS = CardFields(name="机", cls="atm")
ASSETS = ["A", "B", "C"]
BRANCHES = ["1", "2"]
POSITIONS = ["1/x", "1/y", "2/z"]
STATUSES = [status for status in CardStatus if status is not CardStatus.SCRAPPED]

Deed = Callable[[Session, Act, int], Any]


def _deed(kind: str, asset: str, branch: str, position: str, status: CardStatus, keeper: str) -> Deed:
    return {
        "register": lambda s, a, at: register(s, a, asset, FIELDS, branch=branch, effective_at=at),
        "register there": lambda s, a, at: register(
            s, a, asset, FIELDS, branch=branch, position=position, effective_at=at
        ),
        "place": lambda s, a, at: place(s, a, asset, position, effective_at=at),
        "keeper": lambda s, a, at: amend(s, a, asset, {"keeper": keeper}, effective_at=at),
        "branch": lambda s, a, at: amend(s, a, asset, branch=branch, effective_at=at),
        "status": lambda s, a, at: amend(s, a, asset, status=status, effective_at=at),
        "retire": lambda s, a, at: retire(s, a, asset, effective_at=at),
    }[kind]


KINDS = ["place", "place", "place", "keeper", "branch", "status", "register there", "retire"]
DEEDS = st.lists(
    st.tuples(
        st.builds(
            _deed,
            st.sampled_from(KINDS),
            st.sampled_from(ASSETS),
            st.sampled_from(BRANCHES),
            st.sampled_from(POSITIONS),
            st.sampled_from(STATUSES),
            st.sampled_from(["王", "李", ""]),
        ),
        st.sampled_from(MOMENTS),
    ),
    max_size=14,
)


def small_bank(session: Session) -> None:
    for own, key in enumerate(BRANCHES, 1):
        session.add(Subject(id=own, kind=SubjectKind.BRANCH, key=key, name=key, branch_id=own))
        session.flush()
        session.add(Branch(id=own, kind="branch"))
    for own, key in enumerate(POSITIONS, 10):
        session.add(Subject(id=own, kind=SubjectKind.POSITION, key=key, name=key, branch_id=int(key[0])))
        session.flush()
        session.add(Position(id=own, cls="atm", interval_us=1))


Picture = dict[int, list[tuple[Any, ...]]]


def picture(session: Session, known: int) -> Picture:
    """Every card at every moment, as known at one time."""
    rows = session.exec(select(CardVersion).where(CardVersion.known_from <= known, CardVersion.known_to > known)).all()
    return {
        moment: sorted(
            (row.card_id, row.branch_id, row.position_id, row.status.value, sorted(row.fields.items()))
            for row in rows
            if row.effective_from <= moment < row.effective_to
        )
        for moment in [*MOMENTS, START + 10_000]
    }


def holds(now_known: Picture, begun: dict[int, int]) -> None:
    for moment, cards in now_known.items():
        assert max(Counter(card[0] for card in cards).values(), default=1) == 1, "two versions of one card"
        there = Counter(card[2] for card in cards if card[2] is not None)
        assert max(there.values(), default=1) == 1, "two machines at one position"
        assert {card for card, start in begun.items() if start <= moment} == {card[0] for card in cards}, "a hole"
        for _, branch, position, status, _ in cards:
            if position is not None:
                assert status in ("in-use", "stopped")
                assert branch == int(POSITIONS[position - 10][0])


@settings(max_examples=tries(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS)
def test_no_deed_rewrites_what_was_known_and_every_moment_has_one_truth(deeds: Any, sqlite_template: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        shutil.copyfile(sqlite_template, file)
        database = Database(f"sqlite:///{file}")
        try:
            _run(database, deeds)
        finally:
            database.close()


def _run(database: Database, deeds: list[tuple[Deed, int]]) -> None:
    clock = SetClock(START + 100)
    with database.write() as session:
        small_bank(session)
        for asset in ASSETS[:2]:
            act = Act("tester", "cli", clock())
            register(session, act, asset, FIELDS, branch="1", effective_at=START + ord(asset) - ord("A"))
    remembered: dict[int, Picture] = {}
    for deed, at in deeds:
        clock.at += 10
        with suppress(ServerError), database.write() as session:  # a refusal is fine, anything else is not
            deed(session, Act("tester", "cli", clock()), at)
        with database.read() as session:
            begun = {
                card.id or 0: min(
                    session.exec(
                        select(CardVersion.effective_from).where(
                            CardVersion.card_id == card.id, CardVersion.known_to == FOREVER
                        )
                    ).all()
                )
                for card in session.exec(select(Card)).all()
            }
            remembered[clock()] = picture(session, clock())
            holds(remembered[clock()], begun)
            for known, then in remembered.items():
                assert picture(session, known) == then, "history was rewritten"


@settings(max_examples=tries(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.sampled_from(ASSETS), st.sampled_from(POSITIONS)), max_size=12))
def test_machines_moved_today_stand_where_the_last_move_put_them(moves: Any, sqlite_template: Path) -> None:
    """The plain case against a model that knows nothing of time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        shutil.copyfile(sqlite_template, file)
        database = Database(f"sqlite:///{file}")
        clock = SetClock(START)
        model: dict[str, str | None] = {}
        with database.write() as session:
            small_bank(session)
            for asset in ASSETS:
                register(session, Act("tester", "cli", clock()), asset, FIELDS, branch="1")
                model[asset] = None
        for asset, position in moves:
            clock.at += 1
            moved = model[asset] != position
            try:
                with database.write() as session:
                    place(session, Act("tester", "cli", clock()), asset, position)
            except Conflict:
                assert not moved
            else:
                assert moved
                model = {one: None if where == position else where for one, where in model.items()}
                model[asset] = position
        with database.read() as session:
            rows = session.exec(
                select(Card.asset, CardVersion.position_id)
                .join(Card, col(CardVersion.card_id) == Card.id)
                .where(CardVersion.known_to == FOREVER, CardVersion.effective_to == FOREVER)
            ).all()
        database.close()
    assert {asset: POSITIONS[where - 10] if where else None for asset, where in rows} == model
