"""The console's line to the server, against ends that answer late."""

import asyncio
import time

import pytest

from server.schemas.branches import BranchPage
from server.schemas.status import Status
from tui import line
from tui.client import Client, LedgerQuery
from tui.failures import Away, Unable

NOON = 1_800_000_000_000_000
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nx-journal-seq: 7\r\n\r\nledger"


async def test_whoever_sets_this_pcs_clock_makes_nothing_look_new(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = dict.fromkeys(Status.model_fields, 0) | {"version": "1", "bank": "b", "at": NOON}
    body = Status.model_validate(figures).model_dump_json().encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", token="t") as client:
        await client.status()
        monkeypatch.setattr(time, "time_ns", lambda: 0)  # its battery is empty
        assert client.now() >= NOON


async def test_an_export_may_be_long_in_the_making_and_a_list_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A province's workbook is whole before its first byte; meanwhile nothing comes."""
    monkeypatch.setattr(line, "ANSWER", 0.1)
    asked, written = asyncio.Event(), asyncio.Event()
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        request = await reader.readuntil(b"\r\n\r\n")
        asked.set()
        if b"/export" in request:
            await written.wait()
            writer.write(ANSWER)
            await writer.drain()
        await reader.read()
        writer.close()

    async def export(client: Client) -> bytes:
        async with client.ledger_export(LedgerQuery(), "xlsx") as download:
            return b"".join([chunk async for chunk in download.chunks])

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client(f"http://127.0.0.1:{port}", token="t") as client:
        exporting = asyncio.create_task(export(client))
        await asked.wait()
        with pytest.raises(Away):
            await client.branches()
        written.set()
        assert await exporting == b"ledger"
    await asyncio.gather(*(task for task in serving if task))  # each ends once its end of the line is closed


@pytest.mark.parametrize(
    ("body", "kind"), [(b'{"detail": "the disk is full"}', Unable), (b"<html>no upstream</html>", Away)]
)
async def test_a_server_that_says_itself_that_it_cannot_now_is_not_called_silent(body: bytes, kind: type[Away]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 No\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", token="t") as client:
        with pytest.raises(Away) as told:
            await client.branches()
    assert type(told.value) is kind


@pytest.mark.parametrize("steps", range(24))
async def test_a_question_withdrawn_at_any_moment_leaves_no_connection_open(steps: int) -> None:
    """The server has hung up on two; whoever asks next closes both, and may be called away in between."""
    closing, open_lines = asyncio.Event(), set[asyncio.Task[None] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_lines.add(asyncio.current_task())
        if not closing.is_set():
            await reader.readuntil(b"\r\n\r\n")
            await both.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await closing.wait()
            writer.write_eof()
            await hung_up.wait()
        await reader.read()  # until the client closes
        writer.close()

    body = BranchPage(total=0, offset=0, at=NOON, rows=[]).model_dump_json().encode()
    both, hung_up = asyncio.Barrier(2), asyncio.Barrier(3)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client(f"http://127.0.0.1:{port}", token="t") as client:
        await asyncio.gather(client.branches(), client.branches())
        closing.set()
        await hung_up.wait()
        asking = asyncio.create_task(client.branches())
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        await client.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*[task for task in open_lines if task])
