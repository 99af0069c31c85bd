"""What ingest counts while it runs. Each figure has one writer, or is counted under the lock; reading needs none."""

import threading
from bisect import bisect_left
from collections import Counter

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Histogram:
    """How many were at most so much, and their sum."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(BOUNDS, value)] += 1
        self.sum += value


class Figures:
    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.batches: Counter[str] = Counter()  # taken, refused, unavailable
        self.records = 0  # written
        self.repeated = 0  # the server had them
        self.refused = 0
        self.bytes = 0  # of bodies, as sent
        self.commits = Histogram()  # by the writer's thread alone

    def came(self, size: int) -> None:
        with self._guard:
            self.bytes += size

    def answered(self, outcome: str, *, records: int = 0, repeated: int = 0, refused: int = 0) -> None:
        with self._guard:
            self.batches[outcome] += 1
            self.records += records
            self.repeated += repeated
            self.refused += refused
