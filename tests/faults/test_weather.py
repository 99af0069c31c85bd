"""`python -m tests.faults weather` and `full` in their shortest forms."""

from pathlib import Path

import pytest

from tests.faults import full, namespace, weather

needs_namespaces = pytest.mark.skipif(bool(namespace.missing()), reason=namespace.missing() or "-")
needs_small_disks = pytest.mark.skipif(bool(full.missing()), reason=full.missing() or "-")
KINDS = ("30 %", "packets from the centre lost", "a portal with a certificate")


@needs_namespaces
def test_nothing_is_lost_in_bad_weather(tmp_path: Path) -> None:
    found = weather.run(tmp_path, 5.0, KINDS)
    assert len(found.seen) == len(KINDS)
    assert found.seen[-1].came == 0  # nothing passes a portal
    assert found.counted.shown
    assert found.counted.whole, (found.counted.streams, found.counted.lost)


@needs_small_disks
def test_nothing_is_lost_while_disks_are_full_and_programs_are_killed(tmp_path: Path) -> None:
    found = full.run(tmp_path, 3.0, kills=(True,))
    assert len(found.seen) == 3
    assert any("disk" in line for seen in found.seen for line in seen.said)
    assert found.counted.shown
    assert found.counted.whole, (found.counted.streams, found.counted.lost)
