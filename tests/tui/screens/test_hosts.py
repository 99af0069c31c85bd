"""A position that is a host: its page and `facts show` tell what it says of itself, and what nobody could read."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlmodel import col

from agent.wire import Fact
from drivers.host.told import sheets_of
from drivers.sim.ssh import HEALTHY, linux_facts
from server.inventory.tables import Position, Subject
from server.schemas.people import Role
from tui.screens.home_head import HeadHome

if TYPE_CHECKING:
    from tests.tui.conftest import Bank, Run, Until
else:
    Bank = Run = Until = Any

HOST = "1001/printer-1"


def tell(bank: Bank, position: str) -> None:
    """Facts of a position, which is read over SSH: of what tells none of itself none are kept."""
    with bank.database.write() as session:
        own = select(col(Subject.id)).where(col(Subject.key) == position).scalar_subquery()
        session.execute(update(Position).where(col(Position.id) == own).values(driver="host/ssh"))
    said = linux_facts(HEALTHY | {"listens": "445", "reboot": "pending"}, 1_790_000_000)
    for sheet in sheets_of(said, "linux", "facts.sh", "5" * 64):
        what: dict[str, Any] = {"topic": sheet.topic, "facts": sheet.facts, "unread": sheet.unread}
        bank.tell(Fact(seq=bank._next(), clock=bank._clock(0), host="front", position=position, **what))


async def test_the_page_of_a_host_tells_what_it_says_of_itself(
    bank: Bank, console: Callable[..., Any], until: Until, text: Callable[[Any], str], run: Run, tmp_path: Path
) -> None:
    tell(bank, HOST)
    token = bank.token("wang", Role.HEAD)
    app = console(token)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, HeadHome))
        app.open(f"devices/{HOST}")
        await until(pilot, lambda: "核查脚本" in text(pilot))
        page = text(pilot)
    assert "Simulated Linux 1" in page
    assert "tcp 445" in page
    assert "防火墙" in page
    assert "权限不足" in page
    shown = run("facts", "show", HOST, token=token).stdout.decode()
    assert "tcp 445" in shown
    assert run("facts", "show", "1001/atm-1", token=token).returncode != 0
