"""`python -m tests.faults servers` in its shortest form."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults import servers


def test_nothing_is_lost_when_one_of_three_servers_is_killed_and_the_others_go_on(tmp_path: Path, cluster: Any) -> None:
    if lacks := servers.missing():
        pytest.skip(lacks)
    name, url = cluster.create()
    try:
        found = servers.run(tmp_path, url, kills=2)
    finally:
        cluster.drop(name)
    assert found.kills == len(found.taken) == len(found.judged) == 2
    assert [sorted(led) for led in found.led] == [[2, 3, 3]] * 2
    assert found.conditions
    assert len(found.pushed) == servers.SERVERS
    assert found.counted.shown
    assert found.counted.whole, (found.counted.streams, found.counted.lost)
