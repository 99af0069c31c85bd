"""`python -m tests.faults order` in its shortest form; and that it can fail."""

from pathlib import Path

import pytest

from tests.faults import order, trace

needs_strace = pytest.mark.skipif(bool(trace.missing()), reason=trace.missing() or "-")


@needs_strace
def test_nothing_leaves_agent_or_server_before_it_is_durable_and_a_trace_without_the_syncs_is_refused(
    tmp_path: Path,
) -> None:
    found, counted = order.run(tmp_path, acks=6)
    assert found.ordered, found.wrong
    assert counted.whole, (counted.streams, counted.lost)
    agent, server = tmp_path / "agent.trace", tmp_path / "server.trace"
    for kept, without in ((agent, server), (server, agent)):
        unsynced = tmp_path / "unsynced.trace"
        lines = without.read_text().splitlines(keepends=True)
        unsynced.write_text("".join(line for line in lines if "sync" not in line[:40]))
        logs = (kept, unsynced) if kept is agent else (unsynced, kept)
        assert order.judge(*logs).wrong
