"""A file the server makes, fetched piece by piece."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from tui.failures import judge, translated
from tui.line import Line, Value, may_keep_silent

WRITING = 900.0  # seconds an export may take before its first byte: it is whole by then, a province's takes minutes


@dataclass(frozen=True)
class Download:
    """An export on its way: `size` is None when the server does not know it before.

    Of `rows` machines `watched` stood at a position that was polled; "" where the server does not say.
    """

    chunks: AsyncIterator[bytes]
    size: int | None
    journal_seq: str
    rows: str = ""
    watched: str = ""


class Downloads(Line):
    """A line by which files come too."""

    @asynccontextmanager
    async def export(self, path: str, **asked: Value) -> AsyncIterator[Download]:
        """A file the server makes of `path`."""
        async with self._download(path, asked) as download:
            yield download

    @asynccontextmanager
    async def _download(self, path: str, asked: Mapping[str, Value]) -> AsyncIterator[Download]:
        request = self._request("GET", path, asked)
        request.extensions["timeout"] = may_keep_silent(WRITING)
        async with self._streamed(request) as response:
            if response.is_error:
                await response.aread()
                judge(response)
            size = response.headers.get("content-length")
            said = [response.headers.get(name, "") for name in ("x-journal-seq", "x-rows", "x-watched")]
            yield Download(_chunks(response), int(size) if size else None, *said)


async def _chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    with translated():
        async for chunk in response.aiter_bytes():
            yield chunk
