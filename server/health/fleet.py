"""The subjects one step of the follower works on: loaded together, judged in memory, written back together."""

from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import literal_column, or_
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from agent.wire import Level, catalogue
from server.health.blame import note_line, note_power
from server.health.findings import merge
from server.health.judge import judge
from server.health.log import chunks
from server.health.rollups import Sums
from server.health.rules import Rules
from server.health.shards import ALONE, Part
from server.health.state import Ahead, Around, Change, Evidence, Held, Place, Seen, State, Told, Voice
from server.health.steady import steady
from server.ingest.link import Row, link_in, rows_in
from server.ingest.tables import AgentSeen, AheadRow
from server.inventory.tables import Subject, SubjectKind
from server.schemas.standing import Standing

OBSERVERS = "SELECT subject_id, agent_id FROM observer WHERE subject_id"
POLLED = "SELECT agent_id, subject_id FROM observer WHERE agent_id"
PLACES = """
SELECT subject.id, subject.kind, subject.key, subject.name, subject.branch_id, subject.removed_at,
       position.cls, position.driver, coalesce(position.interval_us, line.interval_us, 0)
FROM subject LEFT JOIN position ON position.id = subject.id LEFT JOIN line ON line.id = subject.id
WHERE subject.id
"""
STATES = "SELECT subject_id, state FROM health WHERE subject_id"
# as the index has it, so '' is no parameter
ODD = sql_select(col(AgentSeen.agent_id), col(AgentSeen.behind), col(AgentSeen.hindered)).where(
    or_(col(AgentSeen.behind), col(AgentSeen.hindered) != literal_column("''"))
)
VOICES = "SELECT agent_id, shard, due_at, state FROM voice"

_encode = msgspec.json.Encoder(order="deterministic").encode
_state = msgspec.json.Decoder(State).decode
_evidence = msgspec.json.Decoder(Evidence).decode


class Fleet:
    """States by subject id. `touched` are those to be written; `changes` come in the order they were judged."""

    def __init__(self, session: Session, rules: Rules, part: Part = ALONE) -> None:
        self._session = session
        self._part = part
        self._link = link_in(session)
        self._rules = rules
        odd = session.execute(ODD).all()
        self._behind = {agent for agent, behind, _ in odd if behind}
        self.hindered = {agent: why for agent, _, why in odd if why}  # agents that can write nothing down, and why
        self.places: dict[int, Place] = {}
        self.states: dict[int, State] = {}
        self.evidence: dict[int, Evidence] = {}  # branch id ->
        self.touched: set[int] = set()
        self.marked: set[int] = set()  # branches whose evidence changed
        self.changes: list[Change] = []
        self.shown: set[int] = set()  # subjects a screen would show differently
        self.sums = Sums()
        self._polled: dict[int, list[int]] = {}  # by agent, of those that were asked for
        self._heard_in: dict[int, set[int]] = {}  # agent -> shards that hear it and know how it stood

    # -- loading ------------------------------------------------------------------------------------

    def load(self, ids: Iterable[int]) -> None:
        """Have these subjects at hand, with the agents that poll them and the evidence of their branches."""
        fresh = {each for each in ids if each not in self.places}
        observers = self._observers(fresh)
        fresh |= {agent for agents in observers.values() for agent in agents if agent not in self.places}
        self._load_places(fresh, observers)
        branches = {place.branch for place in self.places.values()} - self.evidence.keys()
        self._load_states(fresh | branches, branches)

    def _observers(self, ids: set[int]) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for subject, agent in rows_in(self._link, OBSERVERS, sorted(ids)):
            found.setdefault(subject, set()).add(agent)
        return found

    def _load_places(self, ids: set[int], observers: dict[int, set[int]]) -> None:
        for own, kind, key, name, branch, removed, cls, driver, interval in rows_in(self._link, PLACES, sorted(ids)):
            kind, moving = SubjectKind(kind), self._part.layout.moving
            self.places[own] = Place(
                id=own,
                kind=kind,
                key=key,
                name=name,
                branch=moving.get(own, int(branch)),
                cls=cls or "",
                driver=driver,
                interval=interval,
                agents=frozenset(observers.get(own, ())),
                rules=self._rules.of(kind, cls or ""),
                removed=removed is not None,
            )

    def _load_states(self, ids: set[int], branches: set[int]) -> None:
        foreign = {own for own in ids if own in self.places and not self.is_own(own)}
        self._load_voices(foreign)
        for subject, state in rows_in(self._link, STATES, sorted(ids - foreign)):
            if subject in branches:
                self.evidence[subject] = _evidence(state)
            else:
                self.states[subject] = _state(state)
        for branch in branches - self.evidence.keys():
            self.evidence[branch] = Evidence()
        for subject in ids - branches - self.states.keys():
            self.states[subject] = State()

    def _load_voices(self, agents: Iterable[int]) -> None:
        """Agents of other shards, as these hear them: what its own knows of one may be of a later time."""
        shards = sorted(self._part.shards)
        asked = f"{VOICES} WHERE shard IN ({', '.join('?' * len(shards))}) AND agent_id"
        for agent, shard, _, state in sorted(rows_in(self._link, asked, sorted(agents), *shards), key=_first_due):
            self._heard_in.setdefault(agent, set()).add(shard)
            if agent not in self.states:
                self.states[agent] = _state(state)

    def is_own(self, subject: int) -> bool:
        """Whether these shards write what is known of it."""
        return self._part.whole or self._part.has(self.places[subject].branch)

    def own_of(self, ids: Iterable[int]) -> set[int]:
        """Of subjects those that are written here, loaded or not."""
        if self._part.whole:
            return set(ids)
        found: set[int] = set()
        for part in chunks(set(ids)):
            asked = sql_select(col(Subject.id)).where(col(Subject.id).in_(part), *self._part.mine())
            found.update(self._session.execute(asked).scalars())
        return found

    def tell_ahead_elsewhere(self) -> set[int]:
        """Agents that concern these shards, are behind, and were heard since, by what they tell ahead of other shards.

        Whoever judges that has marked it as seen; that they are there is for all to know.
        """
        if self._part.whole or not self._behind:
            return set()
        asked = (
            select(AgentSeen.agent_id, AgentSeen.at)
            .join(AheadRow, col(AheadRow.agent_id) == AgentSeen.agent_id)
            .join(Subject, col(Subject.id) == AgentSeen.agent_id)
            .where(AgentSeen.behind, *self._part.heard(Subject))
            .distinct()
        )
        found = dict(self._session.exec(asked).all())
        self.load(found)
        return {agent for agent, at in found.items() if self.states[agent].heard < at}

    def by_key(self, keys: Iterable[str]) -> dict[str, int]:
        """Ids of positions and lines by their keys."""
        found: dict[str, int] = {}
        for part in chunks(set(keys)):
            kinds = col(Subject.kind).in_([SubjectKind.POSITION, SubjectKind.LINE])
            asked = select(Subject.key, Subject.id).where(col(Subject.key).in_(part), kinds, *self._part.mine())
            found.update((key, own or 0) for key, own in self._session.exec(asked))
        return found

    def load_polled(self, agents: Iterable[int]) -> None:
        """Have at hand what these agents poll; asked at once, as after a cut line hundreds of them come back."""
        polled: dict[int, set[int]] = {agent: set() for agent in agents if agent not in self._polled}
        for agent, subject in rows_in(self._link, POLLED, sorted(polled)):
            polled[agent].add(subject)
        own = self.own_of(subject for subjects in polled.values() for subject in subjects)
        self.load(own)
        self._polled |= {agent: sorted(subjects & own) for agent, subjects in polled.items()}

    def polled_by(self, agent: int) -> list[int]:
        """What an agent polls, loaded."""
        self.load_polled([agent])
        return self._polled[agent]

    # -- judging ------------------------------------------------------------------------------------

    def see(self, subject: int, seen: Seen | None, now: int) -> None:
        """Judge one subject and keep what follows."""
        place, before = self.places[subject], self.states[subject]
        same = self._steady(place, before, seen, now)
        after, changes = (same, []) if same else judge(before, seen, place, self._around(place), now)
        if seen is not None and not place.removed:
            self.sums.see(subject, before, after, seen, place.span)
        self.states[subject] = after
        self.touched.add(subject)
        if not self.is_own(subject):
            return  # heard, for what it polls here
        self.changes += changes
        if changes or isinstance(seen, Told | Ahead) or after.standing is not before.standing:
            self.shown.add(subject)
        if isinstance(seen, Told | Held):
            self._testify(place, after, seen.at)

    def _steady(self, place: Place, before: State, seen: Seen | None, now: int) -> State | None:
        if not isinstance(seen, Told | Held) or place.kind is SubjectKind.AGENT:
            return None
        if any(self.states[agent].standing is Standing.CLOSED for agent in place.agents):
            return None
        return steady(before, seen, place, now, catalogue())

    def _around(self, place: Place) -> Around:
        voices = {agent: self._voice(agent) for agent in place.agents}
        return Around(self.evidence[place.branch], voices)

    def _voice(self, agent: int) -> Voice:
        state = self.states[agent]
        return Voice(
            branch=self.places[agent].branch,
            told=state.told,
            steady=state.steady,
            closed=state.standing is Standing.CLOSED,
            silent=state.standing is Standing.STALE,
            behind=agent in self._behind,
        )

    def _testify(self, place: Place, state: State, at: int) -> None:
        """Put what a line or a supply just said into the evidence of its branch."""
        if place.kind is not SubjectKind.LINE and not any("power" in view.parts for view in state.views.values()):
            return
        merged = merge(state, at, catalogue())
        if merged is None:
            return
        known = self.evidence[place.branch]
        if place.kind is SubjectKind.LINE:
            word = catalogue().device.get(merged.device)
            if word is None or (word.level is Level.UNKNOWN and not merged.unreachable):
                return
            bad = merged.unreachable or word.level is Level.FAULT
            now_known = note_line(known, place.id, bad, at, state.fresh_until)
        elif merged.parts.get("power", "unknown") != "unknown":
            bad = merged.parts["power"] in ("battery", "none")
            now_known = note_power(known, place.id, bad, at, state.fresh_until)
        else:
            return
        if now_known != known:
            self.evidence[place.branch] = now_known
            self.marked.add(place.branch)

    # -- rows ---------------------------------------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """Of every subject that was touched, as `bulks.HEALTH` has them."""
        for subject in sorted(self.touched):
            if not self.is_own(subject):
                continue
            state = self.states[subject]
            newest = state.newest
            fresh_until = max(state.fresh_until, *(view.fresh_to for view in state.ahead.values()), 0)
            seen_at = state.heard or max((view.held_to for view in state.shown.values()), default=None)
            as_of, record = (newest.as_of, newest.record) if newest else (None, None)
            shown = (subject, state.standing.value, state.since, fresh_until, state.device[:16], seen_at)
            yield *shown, as_of, state.due, record, _encode(state).decode()
        for branch in sorted(self.marked):  # a branch has no standing of its own: lists add it up
            evidence = _encode(self.evidence[branch]).decode()
            yield branch, Standing.UNPOLLED.value, 0, 0, "", None, None, None, None, evidence

    def voices(self) -> Iterator[Row]:
        """Of agents that were heard, how each shard that is not their own heard them: as `bulks.VOICE` has it."""
        for agent in sorted(self.touched):
            shards = self._part.voices(agent) | self._heard_in.get(agent, set())
            if shards:
                state = self.states[agent]
                told = _encode(state).decode()
                yield from ((agent, shard, state.due, told) for shard in sorted(shards))


def _first_due(row: Row) -> tuple[bool, int, int]:
    """How one agent was heard in several shards is nearly the same; what is due first is what is asked for."""
    _, shard, due, _ = row
    return due is None, due or 0, shard
