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


def test_a_sync_that_others_came_between_counts_from_when_it_came_back() -> None:
    log = [
        "7 fdatasync(5</bank.db-wal> <unfinished ...>",
        '8 write(3<socket:[1]>, "\\x41", 1) = 1',
        "7 <... fdatasync resumed>)          = 0",
    ]
    assert [(call.name, call.began, call.ended) for call in trace.calls(log)] == [("write", 1, 1), ("fdatasync", 0, 2)]
