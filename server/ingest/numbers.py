"""What became of a stream's numbers.

A hold speaks of the state before it. So it matters what a number that is not here stood for: of one that was thinned
nothing is missing, but under a lost one a state may be lost, and then nobody knows any more what a later hold is about.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from server.ingest.link import Link
from server.ingest.ranges import Ranges, holes, joined, without

ROOM = 100  # rows of a stream that are no trouble
ROWS_AT_MOST = 10_000  # of one agent, over all its streams; an ack of so many ranges has about 200 KB
STREAMS_AT_MOST = 10_000  # of one agent; a PC whose disk is put back every night begins one a day


class Fate(StrEnum):
    HERE = "here"
    THINNED = "thinned"  # it was a hold that was merged into a later one
    LOST = "lost"  # it never comes, or came and could not be read
    BEFORE = "before"  # it counts in the stream that this one goes on from


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of one stream by their fate. Those in none of the four have not come yet."""

    here: Ranges = field(default_factory=list)
    thinned: Ranges = field(default_factory=list)
    lost: Ranges = field(default_factory=list)
    before: Ranges = field(default_factory=list)

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[Any]]) -> "Numbers":
        """From (lo, hi, fate), in order."""
        found: dict[str, Ranges] = {fate: [] for fate in Fate}
        for lo, hi, fate in rows:
            found[fate].append((lo, hi))
        return cls(found[Fate.HERE], found[Fate.THINNED], found[Fate.LOST], found[Fate.BEFORE])

    @property
    def settled(self) -> Ranges:
        """What an ack names: the agent need send none of these."""
        return joined(self.here, (), [*self.thinned, *self.lost, *self.before])

    @property
    def unbroken(self) -> Ranges:
        """Runs of numbers in which no state can have been lost."""
        return joined(self.here, (), self.thinned)

    @property
    def rows(self) -> list[tuple[int, int, str]]:
        by_fate = (
            (Fate.HERE, self.here),
            (Fate.THINNED, self.thinned),
            (Fate.LOST, self.lost),
            (Fate.BEFORE, self.before),
        )
        return sorted((lo, hi, fate.value) for fate, ranges in by_fate for lo, hi in ranges)

    def with_more(
        self, came: Iterable[int], unreadable: Iterable[int], thinned: Iterable[tuple[int, int]], lost: Ranges
    ) -> "Numbers":
        """What is here is not lost, whatever an event says; and of what two events speak of, the worse is believed."""
        here = joined(self.here, came)
        gone = without(joined(self.lost, unreadable, lost), joined(here, (), self.before))
        merged = without(joined(self.thinned, (), thinned), joined(here, (), [*gone, *self.before]))
        return Numbers(here, merged, gone, without(self.before, here))

    def within(self, limit: int) -> "Numbers":
        """The same in no more than `limit` rows.

        An agent sends in order, and names in the end what it left out. So where there are too many holes, the lowest
        are given up: an agent of ours has nothing there any more.
        """
        if len(self.rows) <= ROOM:
            return self
        found = self._settled(self.settled)
        if len(found.rows) > limit:
            found = found._given_up(limit // 4)
        if len(found.rows) > limit:
            found = found._given_up(0)
        return found

    def _given_up(self, keep: int) -> "Numbers":
        """Only the newest `keep` holes stay open."""
        missing = holes(self.settled, self.settled[-1][1] + 1)
        given_up = missing[: len(missing) - keep]
        found = Numbers(self.here, self.thinned, joined(self.lost, (), given_up), self.before)
        return found._settled(found.settled)

    def _settled(self, ranges: Ranges) -> "Numbers":
        """Below the first hole nothing comes late, so there only the newest loss stands between a state and a hold."""
        missing = holes(ranges, ranges[-1][1] + 1)
        floor = missing[0][0] - 1 if missing else ranges[-1][1]
        lost = [one for one in self.lost if one[1] <= floor]
        thinned = [one for one in self.thinned if one[1] <= floor]
        done = joined(lost[:-1], (), thinned)
        return Numbers(joined(self.here, (), done), without(self.thinned, done), without(self.lost, done), self.before)


def numbers_of(link: Link, stream_id: int) -> Numbers:
    """As they are written."""
    return Numbers.of_rows(
        link.rows("SELECT lo, hi, fate FROM received_range WHERE stream_id = ? ORDER BY lo", stream_id)
    )


def run_of(ranges: Ranges, number: int) -> tuple[int, int] | None:
    """The range that has the number in it."""
    at = bisect_right(ranges, (number, float("inf"))) - 1
    return ranges[at] if at >= 0 and number <= ranges[at][1] else None


def changed(before: Ranges, after: Ranges, starts: Iterable[int]) -> set[int]:
    """Numbers from which on holds may speak of other states than before.

    Where a run began, in `before` or at one of `starts`, what was missing has come; or numbers turned out to be lost.
    """
    begun = {*starts, *(lo for lo, _ in before)}
    met = {start for start in begun if (run := run_of(after, start)) is not None and run[0] < start}
    return met | {lo for lo, _ in without(before, after)}
