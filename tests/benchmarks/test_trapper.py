"""The recipe that measures Zabbix, with a real Zabbix server on a real PostgreSQL: short and small, but all of it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.parts import cluster, zabbix

SMALL = ("--runs", "1", "--hosts", "3", "--positions", "2", "--seconds", "1", "--batch", "10")


def trapper(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.trapper", *SMALL, "--folder", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, as the path of a socket has 107 bytes at most; and where the users of PostgreSQL and Zabbix may enter."""
    with tempfile.TemporaryDirectory(prefix="bf-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.skipif(zabbix.missing() is not None, reason=f"needs: {zabbix.INSTALL}")
@pytest.mark.skipif(cluster.installed() is None, reason=f"needs: {cluster.INSTALL}")
def test_all_that_zabbix_took_is_in_its_table_and_nothing_is_left_behind(folder: Path) -> None:
    ran = trapper(folder)
    assert ran.returncode == 0, ran.stderr
    assert '"values_a_second"' in ran.stdout
    assert '"database_cpu_per_million"' in ran.stdout
    assert "load average" in ran.stdout
    assert list(folder.iterdir()) == []
    running = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    assert running.stdout == ""


def test_what_is_missing_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zabbix, "PROGRAM", None)
    assert zabbix.missing() == f"zabbix_server is missing: {zabbix.INSTALL}"
    monkeypatch.setattr(zabbix, "PROGRAM", "/usr/sbin/zabbix_server")
    monkeypatch.setattr(zabbix, "SCHEMA", [Path("/nowhere/schema.sql.gz")])
    assert zabbix.missing() == f"/nowhere/schema.sql.gz is missing: {zabbix.INSTALL}"
