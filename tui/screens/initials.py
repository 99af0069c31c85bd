"""Finding positions by the pinyin initials of their names, which the server does not know.

The names in question are fetched once a search needs them and kept for a while. A bank of ordinary size fits; beyond
MOST the search is the server's own.
"""

import time
from collections import Counter
from dataclasses import replace

from server.schemas.base import Coverage
from server.schemas.positions import PositionPage, PositionRow
from server.schemas.standing import FRESH, Standing
from tui.client import PositionQuery
from tui.pinyin import says
from tui.shell import Shell

MOST = 5000  # positions fetched for their names
PAGE = 500
KEPT = 10.0  # seconds rows are kept although something changed


class Initials:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._of: PositionQuery | None = None
        self._rows: list[PositionRow] = []
        self._at = 0.0
        self._fetched = 0  # by the server's clock

    def forget(self) -> None:
        """Something changed: fetch anew, but not at every keystroke of a busy bank."""
        if time.monotonic() - self._at > KEPT:
            self._of = None

    async def find(self, query: PositionQuery) -> PositionPage | None:
        """The positions whose initials, or other texts, hold `query.q`; None when the server should search instead."""
        everything = replace(query, q="")
        if self._of != everything and not await self._fetch(everything):
            return None
        q = query.q.lower()
        rows = [row for row in self._rows if _is_meant(q, row)]
        if not rows:
            return None
        by = Counter(row.standing for row in rows)
        said = Coverage(
            due=len(rows) - by[Standing.UNPOLLED],
            fresh=sum(by[word] for word in FRESH),
            never=by[Standing.NEVER],
            unknown=by[Standing.UNKNOWN],
            closed=by[Standing.CLOSED],
        )
        return PositionPage(total=len(rows), offset=0, coverage=said, at=self._fetched, rows=rows)

    async def _fetch(self, query: PositionQuery) -> bool:
        rows: list[PositionRow] = []
        while True:
            page = await self._shell.ask(self._shell.client.positions(query, offset=len(rows), limit=PAGE))
            if page is None or page.total > MOST:
                return False
            rows += page.rows
            if len(rows) >= page.total or not page.rows:
                break
        self._of, self._rows, self._at = query, rows, time.monotonic()
        self._fetched = self._shell.client.now()
        return True


def _is_meant(q: str, row: PositionRow) -> bool:
    names = (row.branch_name + row.name, row.cls_name)
    written = " ".join((*names, row.key, row.model or "", row.asset or "")).lower()
    return q in written or any(says(q, name) for name in names)
