"""How often: a bucket of requests for each agent, and for each address that has no token yet.

Far above what an agent needs that catches up after weeks, and what a bank's agents need that come back at once from
behind one address; below what would keep the server from its work. Kept in memory: a restart forgives.
"""

import math
import threading
from collections import OrderedDict
from typing import ClassVar

from server.errors import ServerError
from server.storage.types import Now

KNOWN = 20_000  # callers remembered at most


class TooMany(ServerError):
    status: ClassVar[int] = 429

    def __init__(self, wait: int) -> None:
        super().__init__("Too many requests. Come again in {seconds} s.", seconds=wait)
        self.wait = wait


class Bucket:
    """`burst` requests at once of each caller, and `rate` a second in the long run."""

    def __init__(self, now: Now, *, burst: int, rate: float) -> None:
        self._now = now
        self._burst = burst
        self._rate = rate
        self._guard = threading.Lock()
        self._left: OrderedDict[object, tuple[float, int]] = OrderedDict()  # requests left, and when that was (µs)

    def take(self, caller: object) -> None:
        """TooMany, with the seconds until the next one, if none is left."""
        now = self._now()
        with self._guard:
            left, at = self._left.pop(caller, (float(self._burst), now))
            left = min(self._burst, left + max(now - at, 0) * self._rate / 1_000_000)
            self._left[caller] = (left - 1 if left >= 1 else left, now)
            if len(self._left) > KNOWN:
                self._left.popitem(last=False)
        if left < 1:
            raise TooMany(math.ceil((1 - left) / self._rate))


class Limits:
    def __init__(self, now: Now) -> None:
        self.agent = Bucket(now, burst=1000, rate=20)  # 2,000 records each
        self.token = Bucket(now, burst=10_000, rate=200)  # of one address: a whole bank may stand behind one
        self.code = Bucket(now, burst=60, rate=1)
