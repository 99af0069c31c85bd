"""`python -m tests.faults kills` in its shortest form."""

from pathlib import Path

import pytest

from tests.faults import fast, kills

needs_gcc = pytest.mark.skipif(bool(fast.missing()), reason=fast.missing() or "-")


@needs_gcc
def test_nothing_is_lost_when_server_and_agent_are_killed_in_the_middle(tmp_path: Path) -> None:
    phases, counted = kills.run(tmp_path, times=7)
    assert sum(phases.values()) == 7
    assert counted.shown
    assert counted.whole, (counted.streams, counted.lost)
