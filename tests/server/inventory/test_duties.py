"""Who was to poll what, and when, is noted by every inventory that is applied."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, select

from server.clock import SetClock
from server.inventory.tables import Duty, Subject

Make = Callable[..., Any]
SECOND = 1_000_000
Span = tuple[float, float | None]


def duties(session: Session, began: int) -> dict[tuple[str, str, int], list[Span]]:
    """By subject, agent and interval in seconds: from when to when, in seconds after `began`."""
    keys = {row.id: row.key for row in session.exec(select(Subject))}
    found: dict[tuple[str, str, int], list[Span]] = {}
    for duty in session.exec(select(Duty).order_by(Duty.start)):  # type: ignore[arg-type]
        span = (duty.start - began) / SECOND, None if duty.end is None else (duty.end - began) / SECOND
        task = keys[duty.subject_id], keys[duty.agent_id], duty.interval_us // SECOND
        found.setdefault(task, []).append(span)
        assert (duty.until_seq is None) == (duty.end is None)
        assert duty.until_seq is None or duty.until_seq > duty.since_seq > 0
    return found


def test_only_what_has_a_driver_or_a_probe_is_somebodys_duty(
    inventory: Make, apply_now: Make, session: Session, now: SetClock
) -> None:
    began = now()
    apply_now(inventory())
    found = duties(session, began)
    assert set(found) == {
        ("1001/atm-1", "centre", 60),
        ("1001/atm-1", "1001-pc", 60),
        ("1001/printer-1", "1001-pc", 300),
        ("0001/pc", "centre", 300),
        ("1001/line/main", "centre", 60),
    }
    assert list(found.values()) == [[(1, None)]] * 5


def test_a_duty_ends_with_the_position_its_agent_its_driver_or_its_interval(
    inventory: Make, small: Make, apply_now: Make, session: Session, now: SetClock
) -> None:
    began = now()
    apply_now(inventory())
    atm, printer, pc, listed = small("position")
    apply_now(inventory(position=[{**atm, "agent": "centre"}, {**printer, "interval": "2m"}, listed]))
    apply_now(
        inventory(position=[{**atm, "agent": "centre", "name": "又名"}, {**printer, "interval": "2m"}, pc, listed])
    )
    apply_now(inventory(position=[atm, {key: said for key, said in printer.items() if key != "driver"}, pc, listed]))
    found = duties(session, began)
    assert found["1001/atm-1", "centre", 60] == [(1, None)]
    assert found["1001/atm-1", "1001-pc", 60] == [(1, 2), (4, None)]
    assert found["1001/printer-1", "1001-pc", 300] == [(1, 2)]
    assert found["1001/printer-1", "1001-pc", 120] == [(2, 4)]
    assert found["0001/pc", "centre", 300] == [(1, 2), (3, None)]
