"""The metrics of a server. Of the bank they hold sums only: no branch, position or person is named."""

import os
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from server.agents.queries import standings
from server.aside.queries import kept
from server.health.standing import standing_now
from server.health.tables import Condition, HealthRow, Severity
from server.ingest.figures import BOUNDS
from server.inventory.tables import Position, Subject
from server.journal.queries import head_seq
from server.orders.queries import of_a_day
from server.queries import Everything
from server.running.exposition import Family, each, histogram, one
from server.running.lag import lag_of
from server.schemas.standing import FRESH, Standing
from server.schemas.tickets import TicketStatus
from server.state import State
from server.tickets.tables import Ticket

OUTCOMES = ("taken", "refused", "unavailable")
_BEGAN = time.time()


def metrics(state: State) -> list[Family]:
    """Everything there is to tell just now, of one moment of the database."""
    with state.database.read() as session:
        of_database = [*_bank(session, state.now()), *_work(session, state.now()), *_storage(session, state)]
    return [*_ingest(state), *_followers(state), *of_database, *_process()]


def _ingest(state: State) -> list[Family]:
    figures = state.writer.figures
    batches = {outcome: figures.batches[outcome] for outcome in OUTCOMES}
    name = "branchfleet_ingest"
    return [
        each(f"{name}_batches_total", "counter", "Batches of agents, by what became of them.", "outcome", batches),
        one(f"{name}_records_total", "counter", "Records written.", figures.records),
        one(f"{name}_repeated_records_total", "counter", "Records that had come before.", figures.repeated),
        one(f"{name}_refused_records_total", "counter", "Records kept as refused.", figures.refused),
        one(f"{name}_body_bytes_total", "counter", "Bytes of batches as sent.", figures.bytes),
        histogram(
            f"{name}_commit_seconds",
            "How long one transaction of ingest was open, its durable commit included.",
            BOUNDS,
            figures.commits.counts,
            figures.commits.sum,
        ),
        one(f"{name}_waiting_batches", "gauge", "Batches that wait for the writer.", state.writer.waiting),
        one("branchfleet_event_clients", "gauge", "Screens that listen to events.", state.ticker.clients),
        one("branchfleet_orders_held_requests", "gauge", "Agents that wait for orders here.", state.hub.held),
    ]


def _followers(state: State) -> list[Family]:
    every = (*state.followers.values(), state.sweeper)
    defects = {one.name: float(one.defects) for one in every}
    leads = {one.name: float(one.leads) for one in every}
    said = "Defects met in what follows from records."
    return [
        each("branchfleet_follower_defects_total", "counter", said, "follower", defects),
        each("branchfleet_follows", "gauge", "Whether it is this server that follows.", "follower", leads),
        one("branchfleet_health_shards", "gauge", "Shards of health this server leads.", state.follower.shards_led),
    ]


def _bank(session: Session, now: int) -> list[Family]:
    by = dict.fromkeys(Standing, 0) | _positions(session, now)
    polled = sum(count for standing, count in by.items() if standing is not Standing.UNPOLLED)
    fresh = sum(by[standing] for standing in FRESH)
    standing = "By how they stand; only good is good."
    return [
        each("branchfleet_positions", "gauge", f"Positions. {standing}", "standing", _named(by)),
        each("branchfleet_agents", "gauge", f"Agents. {standing}", "standing", _named(_agents(session, now))),
        one("branchfleet_fresh_positions", "gauge", "Polled positions with valid data just now.", fresh),
        one("branchfleet_polled_positions", "gauge", "Positions that some agent is to poll.", polled),
    ]


def _positions(session: Session, now: int) -> dict[Standing, int]:
    standing = standing_now(now)
    rows = session.execute(
        select(standing, func.count())
        .select_from(Subject)
        .join(Position, col(Position.id) == col(Subject.id))
        .join(HealthRow, col(HealthRow.subject_id) == col(Subject.id), isouter=True)
        .where(col(Subject.removed_at).is_(None))
        .group_by(standing)
    ).all()
    return {Standing(word): count for word, count in rows}


def _agents(session: Session, now: int) -> dict[Standing, int]:
    by = standings(session, Everything(), now)
    return {standing: by[standing] for standing in Standing if standing is not Standing.UNPOLLED}


def _named(by: dict[Standing, int]) -> dict[str, float]:
    return {standing.value: count for standing, count in by.items()}


def _work(session: Session, now: int) -> list[Family]:
    lag = lag_of(session, now)
    is_open = col(Condition.closed_at).is_(None)
    found = session.execute(select(Condition.severity, func.count()).where(is_open).group_by(Condition.severity)).all()
    conditions = {severity.value: 0 for severity in Severity} | {severity.value: count for severity, count in found}
    tickets = session.execute(
        select(func.count()).select_from(Ticket).where(col(Ticket.status) != TicketStatus.DONE)
    ).scalar_one()
    aside = kept(session)
    orders = {state.value: count for state, count in of_a_day(session, now).items()}
    return [
        one("branchfleet_health_lag_records", "gauge", "Records health has not judged yet.", lag.records),
        one("branchfleet_health_lag_seconds", "gauge", "Age of the oldest record not judged yet.", lag.seconds),
        each("branchfleet_conditions_open", "gauge", "Conditions that are open.", "severity", conditions),
        one("branchfleet_tickets_open", "gauge", "Tickets that are not done.", tickets),
        each("branchfleet_orders", "gauge", "Orders pushed within a day, by how they stand.", "state", orders),
        one("branchfleet_journal_head", "gauge", "Number of the newest deed in the journal.", head_seq(session)),
        one("branchfleet_aside_batches", "gauge", "Unreadable batches that are kept aside.", aside.number),
        one("branchfleet_aside_bytes", "gauge", "Bytes of the batches kept aside.", aside.bytes),
    ]


def _storage(session: Session, state: State) -> list[Family]:
    name, said = "branchfleet_database_size_bytes", "Size of the database, with SQLite's log."
    if not state.database.sqlite:
        size = session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        return [one(name, "gauge", said, size)]
    path = Path(str(state.database.engine.url.database))
    parts = [Path(f"{path}{ending}") for ending in ("", "-wal")]
    free = shutil.disk_usage(path.parent).free
    return [
        one(name, "gauge", said, sum(part.stat().st_size for part in parts if part.exists())),
        one("branchfleet_disk_free_bytes", "gauge", "Bytes free where the database is.", free),
    ]


def _process() -> list[Family]:
    build = Family("branchfleet_build_info", "gauge", "Always 1.", [("", (("version", version("branchfleet")),), 1)])
    families = [
        build,
        one("process_cpu_seconds_total", "counter", "Processor time used.", time.process_time()),
        one("process_start_time_seconds", "gauge", "When the process began, since 1970.", _BEGAN),
    ]
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        open_fds = len(os.listdir("/proc/self/fd"))
        resident = pages * os.sysconf("SC_PAGE_SIZE")
        families += [
            one("process_resident_memory_bytes", "gauge", "Resident memory.", resident),
            one("process_open_fds", "gauge", "Open file descriptors.", open_fds),
        ]
    return families
