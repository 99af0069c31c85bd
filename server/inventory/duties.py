"""Who was to poll what, and when: noted whenever the inventory changes, so that a past day can be accounted for."""

from sqlalchemy import Select, select, union_all
from sqlmodel import Session, col

from server.inventory.tables import Duty, Line, Observer, Position, Subject
from server.storage.bulk import insert_all

Task = tuple[int, int, int]  # subject, agent, interval in µs


def note_duties(session: Session, now: int, seq: int) -> None:
    """End the duties that are no more, and begin those that are new, by the deed `seq`. The others are left alone."""
    columns = (col(Duty.subject_id), col(Duty.agent_id), col(Duty.interval_us), col(Duty.start))
    rows = session.execute(select(*columns).where(col(Duty.end).is_(None)))
    standing: dict[Task, int] = {(subject, agent, interval): start for subject, agent, interval, start in rows}
    wanted: set[Task] = {(subject, agent, interval) for subject, agent, interval in session.execute(_polled())}
    for task in standing.keys() - wanted:
        subject, agent, _ = task
        duty = session.get_one(Duty, (subject, agent, standing[task]))
        if duty.start == now:  # it never came to anything
            session.delete(duty)
        else:
            duty.end, duty.until_seq = now, seq
            session.add(duty)
    session.flush()
    same = {"start": now, "since_seq": seq}
    new = sorted(wanted - standing.keys())
    made = ({"subject_id": subject, "agent_id": agent, "interval_us": each, **same} for subject, agent, each in new)
    insert_all(session, Duty, made)


def _polled() -> Select[tuple[int, int, int]]:
    """Every position and line that is polled now, by whom, and how often: what assignments are made of."""
    there = col(Subject.removed_at).is_(None)
    positions = (
        select(col(Observer.subject_id), col(Observer.agent_id), col(Position.interval_us))
        .join(Position, col(Position.id) == col(Observer.subject_id))
        .join(Subject, col(Subject.id) == col(Observer.subject_id))
        .where(there, col(Position.driver).is_not(None))
    )
    lines = (
        select(col(Observer.subject_id), col(Observer.agent_id), col(Line.interval_us))
        .join(Line, col(Line.id) == col(Observer.subject_id))
        .join(Subject, col(Subject.id) == col(Observer.subject_id))
        .where(there, col(Line.probe) != "")
    )
    both = union_all(positions, lines).subquery()
    return select(both.c[0], both.c[1], both.c[2])
