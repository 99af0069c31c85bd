"""What an agent may speak of: its positions and lines by key. Kept for a second, so that a burst asks once."""

from dataclasses import dataclass, field

from server.ingest.intervals import hole_of
from server.ingest.link import Link

KEPT = 1_000_000  # µs
UNKNOWN_AT_MOST = (
    10_000  # keys of an agent that are looked for and not found; of more it is not one of ours that speaks
)


@dataclass(frozen=True, slots=True)
class Place:
    subject_id: int
    hole: int  # µs of silence that are a hole


@dataclass
class _Of:
    at: int
    places: dict[str, Place]
    unknown: set[str] = field(default_factory=set)


OBSERVED = """
SELECT subject.key, subject.id, coalesce(position.interval_us, line.interval_us)
FROM observer JOIN subject ON subject.id = observer.subject_id
LEFT JOIN position ON position.id = subject.id LEFT JOIN line ON line.id = subject.id
WHERE observer.agent_id = ?
"""
# what it polled before and has in its spool still
FORMERLY = """
SELECT subject.id, coalesce(position.interval_us, line.interval_us)
FROM subject JOIN latest ON latest.subject_id = subject.id AND latest.agent_id = ?
LEFT JOIN position ON position.id = subject.id LEFT JOIN line ON line.id = subject.id
WHERE subject.key = ?
"""
# what it polls or polled under a name that it had when the record was written
RENAMED = """
SELECT subject.id, coalesce(position.interval_us, line.interval_us)
FROM past_name JOIN subject ON CAST(subject.id AS VARCHAR(20)) = past_name.ref
LEFT JOIN observer ON observer.subject_id = subject.id AND observer.agent_id = ?
LEFT JOIN latest ON latest.subject_id = subject.id AND latest.agent_id = ?
LEFT JOIN position ON position.id = subject.id LEFT JOIN line ON line.id = subject.id
WHERE past_name.kind = 'subject' AND past_name.key = ?
AND (observer.agent_id IS NOT NULL OR latest.agent_id IS NOT NULL)
ORDER BY past_name.until_seq DESC LIMIT 1
"""


# what stands in the agent's own branch, polled by it or not, and the branch itself: people there report on it
AT_HOME = """
SELECT subject.id FROM subject JOIN subject AS home ON home.branch_id = subject.branch_id AND home.id = ?
WHERE subject.key = ? AND subject.kind IN ('branch', 'line', 'position') AND subject.removed_at IS NULL
"""


class Places:
    """The places of each agent. Belongs to the writer's thread."""

    def __init__(self) -> None:
        self._agents: dict[int, _Of] = {}

    def find(self, link: Link, agent_id: int, key: str, now: int) -> Place | None:
        """None if the agent does not poll it and never did."""
        known = self._agents.get(agent_id)
        if known is None or not known.at <= now < known.at + KEPT:
            found = link.rows(OBSERVED, agent_id)
            places = {key: Place(subject_id, hole_of(interval)) for key, subject_id, interval in found}
            known = self._agents[agent_id] = _Of(now, places)
        place = known.places.get(key)
        if place is None and key not in known.unknown and "\0" not in key and len(known.unknown) < UNKNOWN_AT_MOST:
            found = link.rows(FORMERLY, agent_id, key) or link.rows(RENAMED, agent_id, agent_id, key)
            if found:
                place = known.places[key] = Place(found[0][0], hole_of(found[0][1]))
            else:
                known.unknown.add(key)
        return place

    def at_home(self, link: Link, agent_id: int, key: str) -> Place | None:
        """None if it is not of the agent's own branch."""
        found = [] if "\0" in key else link.rows(AT_HOME, agent_id, key)
        return Place(found[0][0], 0) if found else None

    def forget(self) -> None:
        self._agents.clear()
