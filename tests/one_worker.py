"""Tests of one file that share something dear run on one worker: xdist's own marks say nothing under pytest 9.2."""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = (
    "tests/drivers/atm/test_addresses.py",  # ports the standard says
    "tests/faults/test_machine.py",  # a machine
    "tests/faults/test_outage.py",  # an outage of minutes
)


class OneWorker(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives out tests one by one, but for these files."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid
