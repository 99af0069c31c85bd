"""What every test may ask for: a fresh database of each kind, made by the migrations, and a clock that can be set.

PostgreSQL is a real cluster, started once a test process when the first test asks for it, in a folder of its own
under the temporary directory, and reached by a unix socket only.
"""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

from server.clock import SetClock
from server.migrations import upgrade
from server.storage.database import Database
from tests.one_worker import OneWorker

PG_INSTALL = "apt-get install -y postgresql"
settings.register_profile("branchfleet", deadline=None)  # a busy machine is slow, and no test is about time
settings.load_profile("branchfleet")
STATEMENTS = 10_000  # compiled, that are kept
NOON = 1_793_764_800_000_000  # 2026-11-04 04:00:00 UTC, noon in the bank's zone


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: who counts what a driver leaves need not look through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def now() -> SetClock:
    """A clock that stands at noon (Asia/Shanghai) of a Wednesday until `now.forward(seconds)`."""
    return SetClock(NOON)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """`full_disk(folder)` copies the folder to a file system of its own and fills that to its last byte."""
    if sys.platform == "win32" or os.getuid() != 0:
        pytest.skip("mounting a small disk needs root: run the tests as root")
    disk = tmp_path / "full"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], check=False)
    if done.returncode:
        pytest.skip("mounting a small disk needs root with CAP_SYS_ADMIN: docker run --privileged")

    def fill(folder: Path) -> Path:
        copy = disk / folder.name
        if folder.exists():
            shutil.copytree(folder, copy)
        with suppress(OSError), (disk / "rubbish").open("wb", buffering=0) as rubbish:
            while True:
                rubbish.write(bytes(4096))
        return copy

    yield fill
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "branchfleet.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


class Cluster:
    """One PostgreSQL cluster: `create()` gives the URL of a fresh, migrated database."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data = self._folder / "data"
        as_whom = _as_whom(self._folder)
        initdb = [self._programs / "initdb", "-D", data, "-U", "branchfleet", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run([*map(str, initdb), "-N"], check=True, capture_output=True, cwd=self._folder, **as_whom)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "fsync": "off",
            "max_connections": "60",
            "shared_buffers": "32MB",
        }
        command = [str(self._programs / "postgres"), "-D", str(data)]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, **as_whom)
        self._wait()
        self._ask("CREATE DATABASE template_branchfleet")
        template = Database(self.url("template_branchfleet"))
        upgrade(template)
        template.close()

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://branchfleet@/{name}?host={self._folder}"

    def create(self) -> tuple[str, str]:
        name = self._copied("template_branchfleet")
        return name, self.url(name)

    def copy(self, name: str) -> str:
        """The URL of another database with what `name` holds; nobody may be using it."""
        return self.url(self._copied(name))

    def _copied(self, of: str) -> str:
        name = f"test_{next(self._numbers)}"
        self._ask(f"CREATE DATABASE {name} TEMPLATE {of} STRATEGY wal_log")
        return name

    def drop(self, name: str) -> None:
        self._ask(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def _ask(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(host=str(self._folder), user="branchfleet", dbname="postgres", autocommit=True) as link:
            link.execute(statement.encode())

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + 90
        while True:
            try:
                self._ask("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline or (self._process and self._process.poll() is not None):
                    raise RuntimeError((self._folder / "log").read_text(errors="replace")) from None
                time.sleep(0.02)
            else:
                return


def _as_whom(folder: Path) -> dict[str, Any]:
    """How to start PostgreSQL's programs: they refuse to run as root, so root hands them to another user."""
    if sys.platform == "win32" or os.getuid() != 0:
        return {}
    import pwd

    users = [user for user in ("postgres", "nobody") if any(entry.pw_name == user for entry in pwd.getpwall())]
    user = pwd.getpwnam(users[0])
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("psycopg", reason="PostgreSQL tests need: pip install 'branchfleet[postgres]'")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    named = shutil.which("initdb")
    if not found and named is None:
        pytest.skip(f"PostgreSQL tests need: {PG_INSTALL}")
    programs = found[-1].parent if found else Path(str(named)).parent
    folder = Path(tempfile.mkdtemp(prefix="bf-pg-"))  # short: a socket's path has 107 bytes at most
    made = Cluster(folder, programs)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


_first: dict[str, Engine] = {}


def like_the_first(database: Database) -> Database:
    """`database`, with the dialect and the compiled statements of the first of its kind in this process.

    Otherwise each of thousands would compile every question anew, a fifth of all that the tests take. Nothing public of
    SQLAlchemy lends them: what it keeps is by dialect, and that comes with the engine.
    """
    first = _first.setdefault(database.engine.dialect.name, database.engine)
    if database.engine is first:
        first._compiled_cache = LRUCache(STATEMENTS)
    database.engine.pool._dialect = first.dialect
    for engine in (database.engine, database._writing):
        engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
    return database


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A fresh SQLite database, for what only SQLite can show."""
    path = tmp_path / "branchfleet.db"
    shutil.copyfile(sqlite_template, path)
    database = like_the_first(Database(f"sqlite:///{path}"))
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh database with the schema the migrations make; each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_database")
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name, url = cluster.create()
    database = like_the_first(Database(url))
    yield database
    database.close()
    cluster.drop(name)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorker:
    return OneWorker(config, log)
