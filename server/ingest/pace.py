"""How fast agents may send what waited: together no more than a share of the writer, however many are back at once.

Each ack of such a batch says how long to wait before the next. An agent alone waits hardly at all; a thousand that
come back when the centre's line is mended share what there is, and what is live goes first all the while.
"""

import random
import time
from collections.abc import Callable

SHARE = 0.5  # of the writer's time for what waited
REMEMBERED = 120.0  # seconds an agent counts as one of them after its last such batch
LONGEST = 60.0  # seconds an agent is asked to wait


class Pace:
    """Belongs to the writer's thread."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(0.7, 1.3),  # noqa: S311
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._last: dict[int, float] = {}

    def after(self, agent_id: int, cost: float) -> float:
        """Seconds `agent_id` is to wait after a batch of what waited that took `cost` seconds to write."""
        now = self._clock()
        self._last.pop(agent_id, None)
        self._last[agent_id] = now  # the newest last
        for other, at in list(self._last.items()):
            if now - at <= REMEMBERED:
                break
            del self._last[other]
        return min(cost * len(self._last) / SHARE * self._jitter(), LONGEST)
