"""Facts of hosts as files: each is what one host said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from server.checks.answers import host_of
from server.checks.sheets import Host
from server.schemas.checks import HostIn

FACTS = Path(__file__).parent / "facts"
NOW = 1_795_996_800_000_000  # 2026-11-30 00:00 UTC


def read(name: str) -> Host:
    return host_of(HostIn.model_validate_json((FACTS / f"{name}.json").read_text(encoding="utf-8")), NOW)


@pytest.fixture
def host() -> Callable[[str], Host]:
    """`host("xp")`: what facts/xp.json says."""
    return read
