"""A PostgreSQL of its own with every setting as it comes: fsync, synchronous_commit and full_page_writes are on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INSTALL = "apt-get install -y postgresql"
USER = "branchfleet"


class Cluster:
    def __init__(self, folder: Path, programs: Path, who: dict[str, Any]) -> None:
        self.folder = folder  # of its data, and of its socket
        self.programs = programs
        self.who = who  # as whom its programs run

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def create(self, name: str) -> str:
        """The URL of a new database."""
        self._run("createdb", "-h", self.folder, "-U", USER, name)
        return self.url(name)

    def read_in(self, name: str, sql: bytes) -> None:
        """Run a script in a database."""
        options = ("-h", self.folder, "-U", USER, "-d", name)
        self._run("psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", *options, said=sql)

    def start(self) -> None:
        data = self.folder / "data"
        self._run("initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses='' -k {self.folder}"
        self._run("pg_ctl", "-D", data, "-w", "-o", options, "-l", self.folder / "log", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *options: object, said: bytes | None = None) -> None:
        command = [str(self.programs / program), *map(str, options)]
        # not a pipe: pg_ctl leaves a server behind that would hold it open
        with (self.folder / "said").open("w+b") as told:
            ran = subprocess.run(
                command, input=said, stdout=told, stderr=told, cwd=self.folder, check=False, **self.who
            )
            if ran.returncode:
                told.seek(0)
                raise SystemExit(f"{program} failed: {told.read().decode(errors='replace').strip()[-1000:]}")


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """In a folder that this makes. SystemExit where PostgreSQL is not installed."""
    programs = installed()
    if programs is None:
        raise SystemExit(f"PostgreSQL is missing: {INSTALL}")
    folder.mkdir()
    cluster = Cluster(folder, programs, _as_whom(folder))
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def installed() -> Path | None:
    """Where the programs of the newest PostgreSQL are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


def _as_whom(folder: Path) -> dict[str, Any]:
    """Its programs refuse to run as root, so root hands them to another user."""
    if os.getuid() != 0:
        return {}
    shutil.chown(folder, "postgres", "postgres")
    return {"user": "postgres", "group": "postgres", "extra_groups": []}
