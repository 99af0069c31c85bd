"""One look at the invalidations a tick for every screen there is, and a queue for each screen."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, delete, select
from starlette.concurrency import run_in_threadpool

from server.accounts.scope import Scoped, sees
from server.events.tables import Invalidation
from server.schemas.status import Invalidated
from server.storage.database import Database
from server.storage.types import Now

PERIOD = 0.25  # seconds between looks
KEPT = 3_600_000_000  # µs a screen may have been away and still resume
PRUNE = 60_000_000  # µs between clearings
AT_ONCE = 2_000  # rows of one look
WAITING = 1_000  # events a slow screen may leave unread; then its stream ends and it resumes by its cursor
EVERYTHING = "all"  # the topic that says: what was missed cannot be told any more, fetch everything again

_ASKED = sql_select(col(Invalidation.id), col(Invalidation.topic), col(Invalidation.key), col(Invalidation.branch_id))
_log = logging.getLogger(__name__)


class News(NamedTuple):
    """An invalidation as it is told: of the row, what is needed."""

    id: int
    topic: str
    key: str
    branch_id: int | None


@dataclass(eq=False)
class Subscription:
    """What one screen hears from. `None` in the queue is the end."""

    scope: Scoped
    queue: asyncio.Queue[Invalidated | None] = field(default_factory=lambda: asyncio.Queue(WAITING + 1))
    overrun: bool = False

    def tell(self, news: list[tuple[int | None, Invalidated]]) -> None:
        """Of which branch, and what: made once for all screens."""
        for branch_id, event in news:
            if self.overrun or not sees(self.scope, branch_id):
                continue
            if self.queue.qsize() >= WAITING:
                self.overrun = True
                self.queue.put_nowait(None)
            else:
                self.queue.put_nowait(event)

    def end(self) -> None:
        if not self.overrun:
            self.overrun = True
            self.queue.put_nowait(None)


class Ticker:
    """`run` it as a task of the event loop; `close` ends it, and every stream."""

    def __init__(self, database: Database, now: Now, heard: Callable[[list[News]], None] | None = None) -> None:
        self._database = database
        self._now = now
        self._heard = heard  # by whoever is no screen
        self._subscriptions: set[Subscription] = set()
        self._pruned_at = 0
        self._closed = asyncio.Event()
        self.cursor = 0

    @property
    def clients(self) -> int:
        """Screens that listen."""
        return len(self._subscriptions)

    async def run(self) -> None:
        away = False
        while not self._closed.is_set():
            try:
                await self.tick()
                away = False
            except SQLAlchemyError as error:  # a full disk, a database that is away, or no connection to it is free
                if not away:
                    why = getattr(error, "orig", error)
                    _log.error("Screens hear of nothing: the invalidations cannot be read: %s", why)
                away = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), PERIOD)

    async def tick(self) -> None:
        """Tell every subscription what is new."""
        rows = await run_in_threadpool(self._look)
        for row in rows:
            self.cursor = max(self.cursor, row.id)
        rows = _once(rows)
        if self._heard is not None and rows:
            self._heard(rows)
        news = [(row.branch_id, _told(row)) for row in rows] if self._subscriptions else []
        for subscription in self._subscriptions:
            subscription.tell(news)

    async def begin(self) -> None:
        """What was published before the server began is for those who resume."""
        self.cursor = await run_in_threadpool(self._newest)

    def close(self) -> None:
        """End every stream, and let no new one begin."""
        self._closed.set()
        for subscription in self._subscriptions:
            subscription.end()

    @asynccontextmanager
    async def subscribe(
        self, scope: Scoped, after: int | None
    ) -> AsyncIterator[tuple[int, list[Invalidated], Subscription]]:
        """From here on: the cursor now, what was missed since `after`, and the subscription to go on with."""
        subscription = Subscription(scope)
        self._subscriptions.add(subscription)
        try:
            cursor = self.cursor
            missed = await run_in_threadpool(self._missed, scope, after, cursor) if after is not None else []
            if self._closed.is_set():
                subscription.end()
            yield cursor, missed, subscription
        finally:
            self._subscriptions.discard(subscription)

    def _look(self) -> list[News]:
        now = self._now()
        if not self._pruned_at <= now < self._pruned_at + PRUNE:
            self._pruned_at = now
            with self._database.write() as session:
                session.exec(delete(Invalidation).where(col(Invalidation.at) < now - KEPT))
        with self._database.read() as session:
            asked = _ASKED.where(col(Invalidation.id) > self.cursor).order_by(col(Invalidation.id)).limit(AT_ONCE)
            return [News(*row) for row in session.execute(asked)]

    def _newest(self) -> int:
        with self._database.read() as session:
            return session.exec(select(func.max(Invalidation.id))).one() or 0

    def _missed(self, scope: Scoped, after: int, until: int) -> list[Invalidated]:
        with self._database.read() as session:
            if after > until or not _remembered(session, after, until):
                return [Invalidated(cursor=until, topic=EVERYTHING, key="")]
            asked = (
                _ASKED.where(col(Invalidation.id) > after, col(Invalidation.id) <= until)
                .order_by(col(Invalidation.id))
                .limit(AT_ONCE)
            )
            rows = [News(*row) for row in session.execute(asked)]
        if len(rows) == AT_ONCE:
            return [Invalidated(cursor=until, topic=EVERYTHING, key="")]
        return [_told(row) for row in _once([row for row in rows if sees(scope, row.branch_id)])]


def _once(rows: list[News]) -> list[News]:
    """Each thing once, by its last change: what changed a hundred times is fetched once."""
    last = {(row.topic, row.key, row.branch_id): row for row in rows}
    return sorted(last.values())


def _remembered(session: Session, after: int, until: int) -> bool:
    """Whether everything after `after` is still there. Ids rise by one, but for transactions that were undone."""
    if after == until:
        return True
    oldest = session.exec(select(func.min(Invalidation.id))).one()
    return oldest is not None and oldest <= after + 1


def _told(row: News) -> Invalidated:
    return Invalidated(cursor=row.id, topic=row.topic, key=row.key)
