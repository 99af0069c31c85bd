"""Every input ends in an ack or a Problem, and costs no neighbour: what was kept from the long run, and a short one."""

import asyncio
import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.ingest import Heard, Outcome, Pipe, Whole, database
from tests.fuzz.mutate import corpus, inputs

SHORT = 640
GROUP = 64


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What the server logs as an error."""
    made = Heard()
    logging.getLogger("server").addHandler(made)
    yield made.said
    logging.getLogger("server").removeHandler(made)


def findings(seen: list[Outcome]) -> list[str]:
    return [one.finding for one in seen if one.finding]


@pytest.mark.parametrize("which", ["kept", "new"])
def test_reader_writer_and_health_take_or_refuse_whatever_comes(which: str, tmp_path: Path, heard: list[str]) -> None:
    stream = iter(corpus()) if which == "kept" else islice(inputs(20), SHORT)
    count = 0
    with database(tmp_path) as made, Pipe(made) as pipe:
        while group := list(islice(stream, GROUP)):
            count += len(group)
            assert findings(pipe.take(group)) == []
        pipe.judge()
    assert heard == []
    assert count >= 90


def test_the_whole_server_answers_whatever_comes(tmp_path: Path, heard: list[str]) -> None:
    async def run() -> list[str]:
        found: list[str] = []
        with database(tmp_path) as made:
            async with Whole(made) as whole:
                stream = islice(inputs(21), SHORT // 2)
                while group := list(islice(stream, GROUP)):
                    found += findings(await whole.take(group))
        return found

    assert asyncio.run(run()) == []
    assert heard == []


def test_the_same_seed_gives_the_same_inputs() -> None:
    assert list(islice(inputs(3), 50)) == list(islice(inputs(3), 50))
    assert list(islice(inputs(3), 50)) != list(islice(inputs(4), 50))
