"""How often: a bucket of requests for each agent, and for each address of what is asked there and is not known.

Far above what an agent needs that catches up after weeks, and what a bank's agents need that come back at once from
behind one address; below what would keep the server from its work. What proves itself is never counted against its
address: a whole bank may stand behind one, with one attacker among it. Kept in memory: a restart forgives. Seconds are
a clock's that nobody sets: by the machine's, a day set back would be a day of refusals.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from server.agents.calling import Calling
from server.errors import Forbidden, Invalid, ServerError, Unauthorized

KNOWN = 20_000  # callers remembered at most

Seconds = Callable[[], float]


class TooMany(ServerError):
    status: ClassVar[int] = 429

    def __init__(self, wait: int) -> None:
        super().__init__("Too many requests. Come again in {seconds} s.", seconds=wait)
        self.wait = wait


class Bucket:
    """`burst` requests at once of each caller, and `rate` a second in the long run."""

    def __init__(self, seconds: Seconds, *, burst: int, rate: float) -> None:
        self._seconds = seconds
        self._burst = burst
        self._rate = rate
        self._guard = threading.Lock()
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()  # requests left, and when that was

    def take(self, caller: object, many: int = 1) -> None:
        """TooMany, with the seconds until the next one, if none is left. What is taken may be more than was left."""
        self._need(caller, many)

    def look(self, caller: object) -> None:
        """The same, and nothing is taken."""
        self._need(caller, 0)

    def _need(self, caller: object, taken: int) -> None:
        now = self._seconds()
        with self._guard:
            left, at = self._left.pop(caller, (float(self._burst), now))
            left = min(self._burst, left + (now - at) * self._rate)
            self._left[caller] = (left - taken if left >= 1 else left, now)
            if len(self._left) > KNOWN:
                self._left.popitem(last=False)
        if left < 1:
            raise TooMany(math.ceil((1 - left) / self._rate))


class Seen:
    """Hashes of tokens that were good here lately, and whose they are once that was looked up.

    They are looked up whatever else their address asks; that one is in here says nothing of whether it still is good.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._hashes: OrderedDict[str, Calling | None] = OrderedDict()

    def add(self, digest: str, whose: Calling | None = None) -> None:
        with self._guard:
            self._hashes[digest] = whose or self._hashes.get(digest)
            self._hashes.move_to_end(digest)
            if len(self._hashes) > KNOWN:
                self._hashes.popitem(last=False)

    def whose(self, digest: str) -> Calling | None:
        return self._hashes.get(digest)

    def forget(self, digest: str) -> None:
        with self._guard:
            self._hashes.pop(digest, None)

    def __contains__(self, digest: str) -> bool:
        return digest in self._hashes


class Limits:
    def __init__(self, seconds: Seconds = time.monotonic) -> None:
        self.agent = Bucket(seconds, burst=1000, rate=20)  # 2,000 records each
        self.volume = Bucket(seconds, burst=4 << 30, rate=128 << 10)  # bytes of records: at once as of two full spools
        self.entries = Bucket(seconds, burst=1000, rate=1000 / 86_400)  # what people type at one PC
        self.key = Bucket(seconds, burst=60, rate=1)  # tokens of one key, which needs one an hour
        self.rotation = Bucket(seconds, burst=10, rate=10 / 86_400)  # each stays in the journal for ever
        self.token = Bucket(
            seconds, burst=10_000, rate=200
        )  # unknown: of a bank whose server was restored, all at once
        self.code = Bucket(seconds, burst=60, rate=1)  # wrong
        self.good = Seen()


@contextmanager
def strangers(bucket: Bucket, address: str) -> Iterator[None]:
    """What the block refuses is counted against where it came from; beyond that it is not even told why."""
    try:
        yield
    except (Invalid, Unauthorized, Forbidden):
        bucket.take(neighbours(address))
        raise


def neighbours(address: str) -> str:
    """Who can have any of these addresses: of IPv6 a whole /64 is one machine's to choose from."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 6 and known.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))
    return str(known)
