"""Who was to poll what, and when: noted whenever the inventory changes, so that a past day can be accounted for."""

from sqlalchemy import Select, select, union_all
from sqlmodel import Session, col

from server.inventory.tables import Duty, Line, Observer, Position, Subject

Task = tuple[int, int, int]  # subject, agent, interval in µs


def note_duties(session: Session, now: int, seq: int) -> None:
    """End the duties that are no more, and begin those that are new, by the deed `seq`. The others are left alone."""
    standing: dict[Task, Duty] = {}
    for duty in session.execute(select(Duty).where(col(Duty.end).is_(None))).scalars():
        standing[duty.subject_id, duty.agent_id, duty.interval_us] = duty
    wanted: set[Task] = {(subject, agent, interval) for subject, agent, interval in session.execute(_polled())}
    for task in standing.keys() - wanted:
        duty = standing[task]
        if duty.start == now:  # it never came to anything
            session.delete(duty)
        else:
            duty.end, duty.until_seq = now, seq
            session.add(duty)
    session.flush()
    for subject, agent, interval in sorted(wanted - standing.keys()):
        session.add(Duty(subject_id=subject, agent_id=agent, start=now, since_seq=seq, interval_us=interval))
    session.flush()


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
