"""`python -m tests.faults outage` for some minutes, by a clock slow enough for a busy machine."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.faults import fast, namespace

MISSING = namespace.missing() or fast.missing()
HOURS = 0.4
SPEED = 30
AROUND = 240  # seconds of the fast clock, as all here
INTERVAL = 120
HOLD = 60  # an agent that has no news speaks as seldom as this
GOODBYE = 2  # records, a hold and the goodbye: by a fast clock an agent that is ended has no time to send them
SLACK = 10 * SPEED  # what a busy machine may take for anything, ten seconds of its own, passes as so much


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an outage showed: tests.faults.outage.Found."""
    home = tmp_path_factory.mktemp("outage")
    words = ["--hours", HOURS, "--speed", SPEED, "--around", AROUND, "--interval", INTERVAL, "--json"]
    program = [sys.executable, "-m", "tests.faults", "--home", str(home), "outage", *map(str, words)]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.mark.skipif(bool(MISSING), reason=MISSING or "-")
class TestALineThatIsCut:
    def test_loses_no_record_and_no_change(self, found: dict[str, Any]) -> None:
        counted = found["counted"]
        assert found["records"]
        assert counted["shown"]
        assert counted["found"] == counted["shown"]
        assert [one for one in counted["streams"] if one["wrong"] or one["named"] or one["waiting"] > GOODBYE] == []
        assert {one["agent"] for one in counted["streams"]} == {"agent-1001", "centre"}

    def test_is_told_of_with_its_true_begin_and_end(self, found: dict[str, Any]) -> None:
        opened, closed = found["opened_off"], found["closed_off"]
        assert -SLACK <= opened["line.down"] <= INTERVAL + SLACK  # by the first probe after it
        assert -SLACK <= closed["line.down"] <= INTERVAL + SLACK
        assert -HOLD - SLACK <= opened["agent.silent"] <= SLACK  # since it was last heard
        assert -SLACK <= closed["agent.silent"] <= SLACK

    def test_leaves_no_hole_in_what_is_attested(self, found: dict[str, Any]) -> None:
        assert found["longest_hole"] <= INTERVAL + SLACK

    def test_is_accounted_for_while_it_lasts_and_attested_afterwards(self, found: dict[str, Any]) -> None:
        cut, after = found["while_cut"], found["accounted"]
        assert cut["line"] > 0
        assert cut.get("unknown", 0) == 0
        assert after["due"] > 5 * HOURS * 60  # four positions and the line
        assert after["attested"] == after["due"], after
