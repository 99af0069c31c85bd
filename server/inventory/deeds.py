"""Applying an inventory: all of it in one transaction, with one deed for what it changes and one for what it seeds."""

from sqlmodel import Session, col, select

from agent.inventory.schema import Inventory
from server.errors import Conflict
from server.events.publish import invalidate
from server.inventory.duties import note_duties
from server.inventory.plan import Op, Plan, plan
from server.inventory.queries import rows
from server.inventory.tables import Subject
from server.inventory.told import journal_lines
from server.inventory.writing import Writer, past_names
from server.journal.deeds import Act, record, take_turn
from server.journal.merkle import merkle_root
from server.ledger.bulk import Machine, reclass, seed

KEPT = 256 << 10  # bytes of lines the journal keeps as they are; of more it keeps the root


def planned(session: Session, inventory: Inventory) -> Plan:
    """What `apply` would do now."""
    return plan(rows(session), inventory)


def apply(session: Session, act: Act, inventory: Inventory, shown: Plan | None = None) -> Plan:
    """Make it so, and give what was done. The second run of the same inventory does nothing.

    `shown` is the plan a person has agreed to: if it is no longer what would be done, nothing is.
    """
    take_turn(session)
    todo = planned(session, inventory)
    if shown is not None and shown != todo:
        raise Conflict("Something was changed while you were reading the plan. Look at it again.")
    refuse_blocked(todo)
    if not todo:
        return todo
    if todo.changes:
        seq = _write_down(session, act, todo)
        past = past_names(session, todo.changes, seq)
        Writer(session, act.now).write(todo.changes)
        note_duties(session, act.now, seq)
        session.add_all(past)
        session.flush()
        _publish(session, todo, act.now)
    renamed = {change.was: change.key for change in todo.changes if (change.kind, change.op) == ("class", Op.RENAME)}
    reclass(session, act, renamed)
    seed(session, act, [Machine.of(one.device, places=not one.filled_by) for one in todo.seeds])
    return todo


def refuse_blocked(todo: Plan) -> None:
    if todo.blocked:
        raise Conflict("{key} is the key of something removed; nothing was changed.", key=todo.blocked[0].key)


def _write_down(session: Session, act: Act, todo: Plan) -> int:
    lines = journal_lines(session, todo.changes)
    after = {"count": len(lines), "root": merkle_root(lines)}
    if sum(map(len, lines)) <= KEPT:
        after["lines"] = lines
    return record(session, act, deed="inventory.apply", about="inventory", after=after)


def _publish(session: Session, todo: Plan, now: int) -> None:
    """Lists of everything are fetched again by everyone; an open page of one position by those who see it."""
    invalidate(session, "inventory", "", None, now)
    ids = [change.id for change in todo.changes if change.kind == "position" and change.id is not None]
    for subject in session.exec(select(Subject).where(col(Subject.id).in_(ids))):
        invalidate(session, "position", subject.key, subject.branch_id, now)
