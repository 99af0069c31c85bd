"""What the server says has its level in systemd's journal, and its time elsewhere."""

import logging
import os
import sys
from pathlib import Path

from server.narrating import ForJournal, is_journal


def test_every_line_for_the_journal_has_its_level() -> None:
    try:
        raise OSError("two\nlines")
    except OSError:
        record = logging.LogRecord("server.health", logging.ERROR, "", 0, "It failed", (), sys.exc_info())
    lines = ForJournal().format(record).splitlines()
    assert lines[0] == "<3>server.health: It failed"
    assert lines[-2:] == ["<3>OSError: two", "<3>lines"]
    assert all(line.startswith("<3>") for line in lines)


def test_a_stream_is_the_journals_only_if_systemd_said_so_of_this_one(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream, (tmp_path / "other").open("w") as other:
        found = os.fstat(stream.fileno())
        said = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert is_journal(stream, said)
        assert not is_journal(other, said)
        assert not is_journal(stream, {})
