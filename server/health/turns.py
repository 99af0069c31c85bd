"""Which shards of those one server leads are judged next, and how far they may read.

What has read equally far is judged as one. Shards come apart when another server had some of them; then they take
turns, and who is behind reads no further than who is ahead, until they meet. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from server.health.cursors import Cursor
from server.health.shards import Layout, Part


@dataclass(frozen=True)
class Turn:
    part: Part
    at: Cursor
    live_to: int | None = None  # None: as far as there is
    past_to: int | None = None

    def has_more(self, top: int) -> bool:
        """Whether it can go on, in a log that ends at `top`."""
        live_to = top if self.live_to is None else self.live_to
        return self.at.live < live_to or (self.past_to is not None and self.at.past < self.past_to)


def turns(layout: Layout, led: frozenset[int], cursors: Mapping[int, Cursor]) -> list[Turn]:
    """Who is furthest behind comes first. `cursors` are of all shards."""
    levels: dict[Cursor, set[int]] = {}
    for shard in sorted(led):
        levels.setdefault(cursors[shard], set()).add(shard)
    ordered = sorted(levels)
    furthest = max((cursor.past for cursor in ordered), default=0)
    found = []
    for place, at in enumerate(ordered):
        shards = frozenset(levels[at])
        live_to = [ordered[place + 1].live] if place + 1 < len(ordered) else []
        past_to = [furthest] if len(ordered) > 1 else []
        if shards & layout.waiting:
            others = [cursors[shard] for shard in layout.waiting]
            live_to.append(max(other.live for other in others))
            past_to.append(max(other.past for other in others))
        found.append(Turn(Part(layout, shards), at, min(live_to, default=None), min(past_to, default=None)))
    return found
