"""One sitting of the judge: records, and what is due in between, in the order of the server's clock."""

import heapq
import logging

import msgspec
from sqlmodel import Session, col, select

from agent.wire import AnyRecord, Hold
from server.health.fleet import Fleet
from server.health.hearing import same_breath
from server.health.log import Entry, ahead_of, attested_to, chunks, decode, heard, told
from server.health.rules import SILENT
from server.health.state import MINUTE, Heard, Held, Seen
from server.ingest.tables import AgentSeen, AheadRow
from server.inventory.tables import SubjectKind
from server.schemas.standing import Standing

log = logging.getLogger(__name__)

BACK = (Standing.STALE, Standing.CLOSED)  # whoever was so and is heard of again: all it polls is looked at
ABSENCE = MINUTE  # away for longer, and the silence of others is not held against them


class Sitting:
    """Records and dues, merged in the order of the server's clock."""

    def __init__(self, session: Session, fleet: Fleet, dues: list[tuple[int, int]], *, not_before: int) -> None:
        self._session = session
        self._fleet = fleet
        self._due = list(dues)
        heapq.heapify(self._due)
        self._resumed = not_before  # when the follower came back after an absence
        self._clock = 0
        self._ids: dict[str, int] = {}
        self._attested: dict[int, int] = {}  # by state record
        agents = [own for _, own in dues if own in fleet.places and fleet.places[own].kind is SubjectKind.AGENT]
        self._voices = {
            seen.agent_id: seen
            for part in chunks(agents)
            for seen in session.exec(select(AgentSeen).where(col(AgentSeen.agent_id).in_(part)))
        }

    def judge(self, entries: list[Entry], horizon: int) -> None:
        for entry, record in self._open(entries):
            self._clock = max(self._clock, entry.arrived)
            self._pass_to(self._clock)
            self._see(entry, record, heard_at=self._clock)
        self._clock = max(self._clock, horizon)
        self._pass_to(horizon)

    def _open(self, entries: list[Entry]) -> list[tuple[Entry, AnyRecord | None]]:
        """The records, and what they speak of loaded."""
        records = [(entry, _read(entry)) for entry in entries]
        holds = [record for _, record in records if isinstance(record, Hold)]
        self._ids = self._fleet.by_key({key for hold in holds for key in hold.held})
        named = self._fleet.own_of(entry.subject for entry in entries if entry.subject is not None)
        agents = {entry.agent for entry in entries}
        self._fleet.load({*self._ids.values(), *named, *agents})
        self._fleet.load_polled(agent for agent in agents if self._fleet.states[agent].standing in BACK)
        views = (view for subject in self._ids.values() for view in self._fleet.states[subject].views.values())
        states = {entry.id for entry in entries if entry.kind == "state" and entry.subject in named} if holds else set()
        self._attested = attested_to(self._session, states.union(view.record or 0 for view in views))
        return records

    def judge_ahead(self, rows: list[AheadRow], *, elsewhere: bool = False) -> None:
        """How things stand where agents are behind. It says that they are there, and nothing of their history.

        `elsewhere`: so do those heard here that tell ahead of other shards.
        """
        agents = {row.agent_id for row in rows} | (self._fleet.tell_ahead_elsewhere() if elsewhere else set())
        self._fleet.load({*(row.subject_id for row in rows), *agents})
        for agent in sorted(agents):
            seen = self._session.get(AgentSeen, agent)
            if seen is not None and (told := self._fleet.states[agent].told):
                self._hear(agent, Heard(told), min(seen.at, self._clock))
        for row in rows:
            try:
                self._judge(row.subject_id, ahead_of(row), self._clock)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                log.error("What was told ahead of subject %d cannot be read: %s", row.subject_id, error)

    def judge_history(self, entries: list[Entry]) -> None:
        """Told now of what was then: an agent was heard when its record came, and not when its turn has."""
        for entry, record in self._open(entries):
            self._see(entry, record, heard_at=min(entry.arrived, self._clock))

    def _see(self, entry: Entry, record: AnyRecord | None, heard_at: int) -> None:
        if entry.agent in self._fleet.places:
            self._hear(entry.agent, heard(entry, record), heard_at)
        for subject, seen in told(entry, record, self._ids):
            if subject in self._fleet.places and self._believed(subject, seen):
                self._judge(subject, seen, self._clock)

    def _believed(self, subject: int, seen: Seen) -> bool:
        """Ingest decides of which state a hold speaks: where one may be lost in between, of none."""
        if not isinstance(seen, Held):
            return True
        view = self._fleet.states[subject].views.get(str(seen.agent))
        return view is not None and self._attested.get(view.record or 0, 0) >= seen.at

    def _hear(self, agent: int, said: Heard, now: int) -> None:
        state = self._fleet.states[agent]
        passes = not self._fleet.places[agent].removed and agent not in self._fleet.hindered
        same = same_breath(state, said, now) if passes else None
        if same is not None:
            self._fleet.states[agent] = same
            self._fleet.touched.add(agent)
            return
        before = state.standing
        self._judge(agent, self._now_of(agent, said), now)
        after = self._fleet.states[agent].standing
        if before is Standing.STALE or (after is not before and Standing.CLOSED in (before, after)):
            for subject in self._fleet.polled_by(agent):
                self._judge(subject, None, now)

    def _now_of(self, agent: int, said: Heard) -> Heard:
        """The same, with what an agent says of itself now, whatever time its records are of."""
        return msgspec.structs.replace(said, hindered=self._fleet.hindered.get(agent, ""))

    def _judge(self, subject: int, seen: Seen | None, now: int) -> None:
        self._fleet.see(subject, seen, now)
        due = self._fleet.states[subject].due
        if due is not None:
            heapq.heappush(self._due, (due, subject))

    def _pass_to(self, horizon: int) -> None:
        """Let time pass: judge what is due by `horizon`, each at the moment it is due."""
        if horizon < self._resumed + ABSENCE:
            return
        while self._due and self._due[0][0] <= horizon:
            due, subject = heapq.heappop(self._due)
            if subject not in self._fleet.places:
                self._fleet.load([subject])
            if self._fleet.states[subject].due != due:
                continue  # judged since
            if self._fleet.places[subject].kind is SubjectKind.AGENT and self._spare(subject, due):
                continue
            self._judge(subject, None, due)

    def _spare(self, agent: int, due: int) -> bool:
        """Whether an agent that seems silent was heard after all: it had nothing to tell, or nobody listened."""
        fleet = self._fleet
        state, rule = fleet.states[agent], fleet.places[agent].rules
        after = next((each.after for each in rule if each.key == SILENT), 0)
        seen = self._voices.get(agent) or self._session.get(AgentSeen, agent)
        if seen is not None and state.heard < seen.at <= due + after:
            said = Heard(seen.at if seen.waiting == 0 else state.told)
            self._judge(agent, self._now_of(agent, said), seen.at)
            return True
        if self._resumed > state.heard and self._resumed + after > due:
            fleet.states[agent] = msgspec.structs.replace(state, due=self._resumed + after)
            fleet.touched.add(agent)
            heapq.heappush(self._due, (self._resumed + after, agent))
            return True
        return False


def _read(entry: Entry) -> AnyRecord | None:
    try:
        return decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        log.error("Record %d cannot be read and is not judged: %s", entry.id, error)
        return None
