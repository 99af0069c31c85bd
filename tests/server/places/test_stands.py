"""How a position stands is said in two ways: as a word, and as a condition that lists count by. They never differ."""

from itertools import product

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, col

from server.health.standing import WORST, rank_now, standing_now, stands
from server.health.tables import HealthRow
from server.inventory.tables import Branch, Position, Subject, SubjectKind
from server.schemas.standing import Standing
from server.storage.database import Database

NOW = 1_793_764_800_000_000


def test_the_condition_is_met_by_what_stands_so_and_by_nothing_else(database: Database) -> None:
    with database.write() as session:
        session.add(Subject(id=1, kind=SubjectKind.BRANCH, key="1001", name="x", branch_id=1))
        session.flush()
        session.add(Branch(id=1, kind="branch"))
        judged = [None, *product(Standing, (NOW - 1, NOW, NOW + 1))]
        for own, (driver, health) in enumerate(product((None, "snmp"), judged), 2):
            session.add(Subject(id=own, kind=SubjectKind.POSITION, key=f"1001/p-{own}", name="x", branch_id=1))
            session.flush()
            session.add(Position(id=own, cls="pc", driver=driver, interval_us=1))
            session.flush()
            if health is not None:
                standing, until = health
                row = HealthRow(subject_id=own, standing=standing, since=1, fresh_until=until, device="online")
                session.add(row)
    found = select(
        col(Position.id), standing_now(NOW), rank_now(NOW), *(stands(NOW, word) for word in Standing)
    ).outerjoin(HealthRow, col(HealthRow.subject_id) == col(Position.id))
    with database.read() as session:
        rows = session.execute(found).all()
        pairs = product(Standing, Standing)
        both = {pair: _those(session, stands(NOW, *pair)) for pair in pairs}
    assert {word for _, word, *_ in rows} == set(Standing)
    for own, word, rank, *met in rows:
        assert WORST[rank].value == word
        assert [kind for kind, is_so in zip(Standing, met, strict=True) if is_so] == [Standing(word)], own
    for pair, ids in both.items():
        assert ids == {own for own, word, *_ in rows if Standing(word) in pair}


def _those(session: Session, condition: ColumnElement[bool]) -> set[int]:
    asked = select(col(Position.id)).outerjoin(HealthRow, col(HealthRow.subject_id) == col(Position.id))
    return set(session.execute(asked.where(condition)).scalars())
