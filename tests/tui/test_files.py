"""A file people are given is whole or not there."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tui.files import CannotWrite, Exists, write


async def chunks(*parts: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        await asyncio.sleep(0)
    if then is not None:
        raise then


def nothing(_done: int) -> None:
    pass


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_file_is_written_and_its_progress_told(tmp_path: Path) -> None:
    seen: list[int] = []
    assert await write(tmp_path / "台账.csv", chunks(b"ab", b"cde"), force=False, progress=seen.append) == 5
    assert (tmp_path / "台账.csv").read_bytes() == b"abcde"
    assert seen == [2, 5]
    assert names(tmp_path) == ["台账.csv"]


async def test_a_device_or_a_pipe_is_never_replaced(tmp_path: Path) -> None:
    """Of root's `-o /dev/null --force` every program of the machine would suffer."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(CannotWrite, match="设备或管道"):
        await write(pipe, chunks(b"new"), force=True, progress=nothing)
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


async def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(Exists):
        await write(path, chunks(b"new"), force=False, progress=nothing)
    assert path.read_bytes() == b"old"
    await write(path, chunks(b"new"), force=True, progress=nothing)
    assert path.read_bytes() == b"new"


async def test_a_line_that_breaks_leaves_no_half_file_and_the_old_one_untouched(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        await write(path, chunks(b"ne", then=RuntimeError()), force=True, progress=nothing)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.csv"]


async def test_a_cancelled_export_leaves_no_half_file(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            begun.set()
            await asyncio.sleep(0)

    task = asyncio.create_task(write(tmp_path / "a.csv", endless(), force=False, progress=nothing))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []


async def test_a_folder_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="没有这个文件或文件夹"):
        await write(tmp_path / "none" / "a.csv", chunks(b"x"), force=False, progress=nothing)


async def test_a_full_disk_is_told_and_leaves_nothing() -> None:
    with pytest.raises(CannotWrite):
        await write(Path("/dev/full/a.csv"), chunks(b"x"), force=False, progress=nothing)
