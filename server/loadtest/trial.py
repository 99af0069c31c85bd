"""One load test, from a home that is made to a server that has ended and records that are counted."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, inspect
from sqlmodel import Session, col, select

from server.authority.files import FOLDER, TRUSTED
from server.backup.restore import NotEmpty
from server.health.tables import Condition
from server.http.listening import answers
from server.ingest.tables import RecordRow
from server.journal.deeds import Act
from server.loadtest.agents import Agent
from server.loadtest.bank import found, position
from server.loadtest.cost import cost_so_far
from server.loadtest.failed import Failed
from server.loadtest.figures import Figures, figures
from server.loadtest.load import Load, lag
from server.settings import PREFIX, database_url, load
from server.storage.database import Database

START_SECONDS = 120.0
JUDGED_SECONDS = 600.0  # until the last of it is judged, where the server fell behind
_SERVER = [sys.executable, "-m", "server.cli"]


@dataclass(frozen=True)
class Asked:
    agents: int
    positions: int  # of each
    observations: int  # in a batch
    seconds: float
    rate: float | None  # observations a second
    database: str | None  # URL of an empty one of PostgreSQL


def trial(folder: Path, asked: Asked, act: Act, begun: Callable[[int], None] = lambda _: None) -> Figures:
    """In `folder`, which is there. NotEmpty if the database holds anything; Failed if the server falls short.

    `begun` is told when everything is filled and the measuring begins, with the server's process id.
    """
    home = folder / "server"
    home.mkdir(mode=0o700)
    url = database_url(home, load(home, {"database": asked.database}, {}))
    with closing(Database(url)) as database:
        if asked.database is not None and inspect(database.engine).get_table_names():
            raise NotEmpty(
                "The database {url} is not empty. Make a new one and name it with --database.",
                url=database.engine.url.render_as_string(),
            )
        environ = _environ(home, url)
        made = subprocess.run([*_SERVER, "init"], env=environ, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Failed("{said}", said=made.stderr.strip())
        tokens = found(database, act, asked.agents, asked.positions)
        with _serving(environ, folder / "server.log") as (port, pid):
            figures, agents = asyncio.run(_measure(database, home, tokens, asked, port, pid, begun))
        _count(database, agents)
    return figures


def _environ(home: Path, url: str) -> dict[str, str]:
    """Nothing of a server that is set up here: its database is not to be met."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return mine | {"BRANCHFLEET_HOME": str(home), "BRANCHFLEET_DATABASE": url, "BRANCHFLEET_LANG": "en"}


@contextmanager
def _serving(environ: dict[str, str], log: Path) -> Iterator[tuple[int, int]]:
    """A server of its own process, its port and its process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with log.open("wb") as file:
        process = subprocess.Popen([*_SERVER, "run", "--port", str(port)], env=environ, stdout=file, stderr=file)
        try:
            _wait_for(process, port, log)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        if answers("127.0.0.1", port):
            return
        time.sleep(0.1)
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise Failed("The server of the load test did not start: {why}", why=last[-1] if last else "")


async def _measure(
    database: Database,
    home: Path,
    tokens: list[str],
    asked: Asked,
    port: int,
    pid: int,
    begun: Callable[[int], None],
) -> tuple[Figures, list[Agent]]:
    agents = [
        Agent([position(number, slot) for slot in range(asked.positions)], number) for number in range(asked.agents)
    ]
    trusts = ssl.create_default_context(cafile=str(home / FOLDER / TRUSTED))
    load = Load(agents, tokens, port, trusts)
    try:
        await load.begin(database, asked.positions)
        await _judged(database)
        begun(pid)
        before = cost_so_far(database, pid)
        tally = await load.go(database, asked.observations, asked.seconds, asked.rate)
        await _judged(database)  # what it costs to judge is of the cost
        cost = cost_so_far(database, pid).since(before)
    finally:
        load.close()
    return figures(database, asked.agents, tally, cost), agents


async def _judged(database: Database) -> None:
    ends = time.monotonic() + JUDGED_SECONDS
    while (await asyncio.to_thread(lag, database)).records:
        if time.monotonic() > ends:
            raise Failed("Health did not come to the end of what was told within {seconds} s.", seconds=JUDGED_SECONDS)
        await asyncio.sleep(0.2)


def _count(database: Database, agents: list[Agent]) -> None:
    """Everything that was acknowledged is there once, and every fault was found."""
    with database.read() as session:
        told, kept = sum(agent.told for agent in agents), _rows(session, RecordRow.kind == "state")
        if told != kept or _rows(session) != kept:
            raise Failed("{told} observations were acknowledged, and {kept} are in the database.", told=told, kept=kept)
        opened = session.exec(select(func.count()).where(Condition.rule == "device.fault")).one()
        closed = select(func.count()).where(Condition.rule == "device.fault", col(Condition.closed_at).is_not(None))
        found = opened + session.exec(closed).one()
    moved = sum(agent.moved for agent in agents)
    if moved != found:
        raise Failed("Faults came or went {moved} times, and health found {found}.", moved=moved, found=found)


def _rows(session: Session, *of: object) -> int:
    return session.exec(select(func.count()).select_from(RecordRow).where(*of)).one()  # type: ignore[arg-type]
