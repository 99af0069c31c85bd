"""What explains that minutes are missing: what agents said of themselves, numbers, conditions, calendars.

Of an agent that is silent the evidence is its own word and what befell the branch it stands in; of a device that gives
no answer, what befell the device's branch.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Subquery, func, select
from sqlmodel import Session, col

from agent.wire import Break, Event, EventName
from server.agents.kept_out import HELD_OFF
from server.agents.tables import KeptOut
from server.coverage.account import Evidence
from server.coverage.refused import refused
from server.coverage.spans import MINUTE, Spans, both, grown, joined, minute, without
from server.health.answers import told_of
from server.health.rules import SILENT
from server.health.tables import Condition
from server.ingest.ranges import holes
from server.ingest.ranges import joined as runs
from server.ingest.tables import ReceivedRange, RecordRow, Stream
from server.inventory.tables import Duty, Line, Subject
from server.schemas.coverage import Missing
from server.schemas.entries import Answer

END = 1 << 62  # after all numbers
LONGEST_HOLD = 10  # minutes; what a full spool merges speaks for no longer
LINE_DOWN, ON_BATTERY = "line.down", "power.battery"
_decode = msgspec.msgpack.Decoder(Event).decode


class Lost(NamedTuple):
    """Numbers of one run that never come, and the minutes of the records before and after them."""

    start: int
    end: int
    numbers: int

    def explains(self, by: int) -> tuple[int, int]:
        """No more than so many records can have spoken for. `by` is how many minutes one poll speaks for."""
        return self.start, min(self.end, self.start + self.numbers * max(by, LONGEST_HOLD))


@dataclass
class Said:
    """What one agent said of itself, what its numbers show, and what it gave up, by the minute it said so."""

    closed: Spans = field(default_factory=list)
    lost: list["Lost"] = field(default_factory=list)
    doubted: Spans = field(default_factory=list)  # its holds spoke of states that may be lost
    refused: dict[int, Spans] = field(default_factory=dict)  # by subject, since a state of it could not be taken
    lost_stream: Spans = field(default_factory=list)
    kept_out: Spans = field(default_factory=list)  # the server let it not in, and what it made then is not here
    holes: Spans = field(default_factory=list)  # the time of numbers that have not come, between such that have
    unsure: Spans = field(default_factory=list)  # likewise, of states that may yet come
    silences: Spans = field(default_factory=list)  # in these two nothing was said; each silence for itself
    untold: Spans = field(default_factory=list)  # holes, and what is after the newest record
    given_up: list[tuple[int, int]] = field(default_factory=list)  # minute, numbers
    thinned: list[tuple[int, int]] = field(default_factory=list)
    outstanding: int = 0  # numbers in holes, now


@dataclass
class Befell:
    """What befell one branch."""

    power: Spans = field(default_factory=list)
    line: Spans = field(default_factory=list)
    shut: Spans = field(default_factory=list)  # outside its calendar


class Witness:
    """The evidence of one question: for `agents` (with the branch each stands in) and `branches`, in start..end µs."""

    def __init__(
        self,
        session: Session,
        agents: Mapping[int, int],
        branches: Iterable[int],
        start: int,
        end: int,
        shut: Mapping[int, Spans],
    ) -> None:
        self._session = session
        self._homes = agents
        self._window = [(minute(start), minute(end))]
        self._start, self._end = start, end
        self.said = {agent: Said() for agent in agents}
        self._befell = {branch: Befell(shut=shut.get(branch, [])) for branch in {*branches, *agents.values()}}
        self._lines = set(session.execute(select(col(Line.id))).scalars())
        self._numbers()
        self._events()
        self._refused()
        self._kept_out()
        self._conditions()

    def of_silence(self, agent: int, subject: int, branch: int, interval: int) -> Evidence:
        """Why there is no record of `subject`, of `branch`. Between two polls, `interval` µs, nobody looked."""
        said, home = self.said[agent], self._befell[self._homes[agent]]
        by = -(-interval // MINUTE)
        silences = joined(span for span in said.silences if span[1] - span[0] > max(by, LONGEST_HOLD))
        # A cut line loses nothing: it explains only what may still come.
        found = [
            (Missing.CLOSED, said.closed),
            (Missing.LOST, joined(lost.explains(by) for lost in said.lost)),
            (Missing.LOST_STREAM, said.lost_stream),
            (Missing.KEPT_OUT, said.kept_out),
            (Missing.POWER, home.power),
            (Missing.LINE, both(home.line, said.untold)),
            (Missing.WAITING, said.holes),
            (Missing.LOST, without(joined([*said.doubted, *said.refused.get(subject, [])]), silences)),
            (Missing.WAITING, without(said.unsure, silences)),
        ]
        shut = home.shut if branch == self._homes[agent] else []  # a centre agent's night is not its devices' night
        return [*((reason, grown(spans, by)) for reason, spans in found if spans), (Missing.CLOSED, shut)]

    def of_no_answer(self, agent: int, subject: int, branch: int, interval: int) -> Evidence:
        """Why a device of `branch` may have given no answer that is not its own doing. Of a line it is the finding."""
        if subject in self._lines:
            return []
        here = self._befell[branch]
        by = -(-interval // MINUTE)
        line = here.line if branch != self._homes[agent] else []
        return [(Missing.POWER, grown(here.power, by)), (Missing.LINE, grown(line, by))]

    # -- agents -------------------------------------------------------------------------------------

    def _numbers(self) -> None:
        """Holes in the numbers of each stream, and when the newest record of each agent was made."""
        newest = dict.fromkeys(self._homes, 0)
        gone_on = self._gone_on()
        tops: dict[int, int] = {}  # the newest number of each stream
        unsure: list[tuple[int, int, int, int]] = []  # agent, stream, the minute of its first hole, a number before it
        for stream, agent, ranges in self._ranges():
            said = self.said[agent]
            follower, end = gone_on.get(stream, (stream, ranges[-1][1] + 1))
            found: Spans = []
            for lo, hi in holes(ranges, end):
                since = self._at(stream, lo - 1, after=False)
                until = self._at(stream, hi + 1) or self._at(follower, end)
                found.append((minute(since) if since else self._window[0][0], minute(until)))
                said.outstanding += hi - lo + 1
            said.holes += found
            tops[stream] = ranges[-1][1]
            if found:
                unsure.append((agent, stream, found[0][0], ranges[0][1]))
            newest[agent] = max(newest[agent], self._at(stream, ranges[-1][1], after=False))
        for agent, stream, since, first in unsure:
            self.said[agent].silences += self._silences(stream, first, tops[stream])
            while stream in gone_on and gone_on[stream][0] in tops:
                stream, first = gone_on[stream]
                self.said[agent].silences += self._silences(stream, first, tops[stream])
            self.said[agent].unsure.append((since, minute(self._at(stream, tops[stream], after=False))))
        for agent, said in self.said.items():
            said.holes, said.unsure = joined(said.holes), joined(said.unsure)
            said.untold = joined([*said.holes, (minute(newest[agent]), self._window[0][1])])

    def _gone_on(self) -> dict[int, tuple[int, int]]:
        """Of streams that go on in others: the other, and the first number that is to come in that."""
        asked = (
            select(col(Stream.after_id), col(Stream.id), col(Stream.first))
            .where(col(Stream.agent_id).in_(list(self._homes)), col(Stream.after_id).is_not(None))
            .order_by(col(Stream.first).desc())
        )
        return {stream: (follower, first) for stream, follower, first in self._session.execute(asked)}

    def _ranges(self) -> Iterable[tuple[int, int, list[tuple[int, int]]]]:
        """(stream, agent, ranges settled, whatever their fate) of every stream of the agents that has any."""
        asked = (
            select(col(Stream.id), col(Stream.agent_id), col(ReceivedRange.lo), col(ReceivedRange.hi))
            .join(ReceivedRange, col(ReceivedRange.stream_id) == col(Stream.id))
            .where(col(Stream.agent_id).in_(list(self._homes)))
            .order_by(col(Stream.id), col(ReceivedRange.lo))
        )
        found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for stream, agent, lo, hi in self._session.execute(asked):
            found[stream, agent].append((lo, hi))
        return [(stream, agent, runs(ranges, ())) for (stream, agent), ranges in found.items()]

    def _at(self, stream: int, seq: int, *, after: bool = True) -> int:
        """The time of the first record from `seq` on, or of the last up to it. 0 if there is none."""
        number = col(RecordRow.seq)
        asked = select(col(RecordRow.at)).where(col(RecordRow.stream_id) == stream)
        asked = (
            asked.where(number >= seq).order_by(number) if after else asked.where(number <= seq).order_by(number.desc())
        )
        return self._session.execute(asked.limit(1)).scalar() or 0

    def _events(self) -> None:
        """What the agents said of themselves, from the last word before the window to now."""
        told: dict[int, list[tuple[int, int, Event]]] = defaultdict(list)
        for agent, stream, at, body in self._event_rows():
            told[agent].append((at, stream, _decode(body)))
        for agent, events in told.items():
            said = self.said[agent]
            for place, (at, stream, event) in enumerate(events):
                match event.name:
                    case EventName.GOODBYE:
                        until = events[place + 1][0] if place + 1 < len(events) else self._end
                        said.closed.append((minute(at), minute(until)))
                    case EventName.GAP:
                        self._lose(said, stream, event, at)
                        said.given_up.append((minute(at), _number(event, "count")))
                    case EventName.THINNING:
                        said.thinned.append((minute(at), _number(event, "count")))
                    case EventName.NEW_STREAM if event.detail.get("why") != Break.COPY:
                        said.lost_stream.append((minute(self._last_before(agent, stream, at)), minute(at)))
            said.closed, said.doubted = joined(said.closed), joined(said.doubted)
            said.lost_stream = joined(said.lost_stream)

    def _event_rows(self) -> Iterable[Any]:
        agents = list(self._homes)
        mine = (col(RecordRow.kind) == "event", col(RecordRow.subject_id).in_(agents))
        before = (
            select(col(RecordRow.subject_id), func.max(col(RecordRow.at)).label("at"))
            .where(*mine, col(RecordRow.at) < self._start)
            .group_by(col(RecordRow.subject_id))
            .subquery()
        )
        asked = (
            select(col(RecordRow.subject_id), col(RecordRow.stream_id), col(RecordRow.at), col(RecordRow.body))
            .outerjoin(before, before.c.subject_id == col(RecordRow.subject_id))
            .where(*mine, (col(RecordRow.at) >= self._start) | (col(RecordRow.at) == before.c.at))
            .order_by(col(RecordRow.at), col(RecordRow.id))
        )
        return self._session.execute(asked)

    def _lose(self, said: Said, stream: int, event: Event, at: int) -> None:
        """What a gap explains: its runs of numbers that are not here, and what was said from there to the gap itself.

        One event may name numbers of many hours; between them others came, and explain themselves. They may be of a
        stream that this one goes on from.
        """
        lo, hi = _number(event, "from"), _number(event, "to")
        named = self._named(event) or stream
        before = select(func.max(col(RecordRow.seq))).where(col(RecordRow.stream_id) == named, col(RecordRow.seq) < lo)
        first = self._session.execute(before).scalar() or lo
        last = event.seq if named == stream else END
        told = self._told(named, first, last)
        asked = select(told).where(told.c.next_seq - told.c.seq > 1, told.c.seq <= hi).order_by(told.c.seq)
        lost = [
            Lost(minute(since), minute(until), min(next_seq - 1, hi) - max(seq + 1, lo) + 1)
            for seq, since, next_seq, until in self._session.execute(asked)
        ]
        if named != stream and not self._at(named, hi + 1):  # nothing of it came after them
            lost.append(Lost(minute(self._at(named, lo - 1, after=False) or at), minute(at), hi - lo + 1))
        said.lost += lost
        if lost:
            said.doubted.append((lost[0].start, minute(at)))
            said.silences += self._silences(named, first, last)

    def _named(self, event: Event) -> int | None:
        """The stream whose numbers an event speaks of, where that is not its own."""
        if "stream" not in event.detail:
            return None
        found: int | None = self._session.execute(
            select(col(Stream.id)).where(col(Stream.uid) == str(event.detail["stream"]))
        ).scalar()
        return found

    def _silences(self, stream: int, first: int, last: int) -> Spans:
        """Where nothing was said for longer than any hold speaks for, between two numbers of a stream."""
        told = self._told(stream, first, last)
        asked = select(told.c.at, told.c.next_at).where(told.c.next_at - told.c.at > LONGEST_HOLD * MINUTE)
        return [(minute(at), minute(next_at)) for at, next_at in self._session.execute(asked)]

    def _told(self, stream: int, first: int, last: int) -> Subquery:
        """Records between two numbers, each with the next that is here."""
        seq, at = col(RecordRow.seq), col(RecordRow.at)
        asked = select(
            *(seq, at),
            func.lead(seq).over(order_by=seq).label("next_seq"),
            func.lead(at).over(order_by=seq).label("next_at"),
        )
        return asked.where(col(RecordRow.stream_id) == stream, seq >= first, seq <= last).subquery()

    def _last_before(self, agent: int, stream: int, at: int) -> int:
        """The newest record of the agent's earlier streams, which is where a stream that was lost broke off."""
        earlier = select(col(Stream.id)).where(col(Stream.agent_id) == agent, col(Stream.id) != stream)
        times = [self._at(other, 1 << 60, after=False) for other in self._session.execute(earlier).scalars()]
        return max((time for time in times if time <= at), default=at)

    def _refused(self) -> None:
        for row in refused(self._session, self._homes, self._end):
            until = END if row.taken is None else row.taken
            span = minute(row.at), minute(self._at(row.stream, until, after=row.taken is not None))
            if span[1] >= self._window[0][0]:
                said = self.said[row.agent]
                said.refused[row.subject] = joined([*said.refused.get(row.subject, []), span])
                said.silences += self._silences(row.stream, row.seq, until)

    def _kept_out(self) -> None:
        """When an agent was held off. Like a cut line that loses nothing: it explains no minute whose numbers came."""
        asked = select(KeptOut).where(
            col(KeptOut.agent_id).in_(list(self._homes)),
            col(KeptOut.why).in_(HELD_OFF),
            col(KeptOut.start) < self._end,
            col(KeptOut.end).is_(None) | (col(KeptOut.end) >= self._start),
        )
        held: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for row in self._session.execute(asked).scalars():
            held[row.agent_id].append((minute(row.start), minute(self._end if row.end is None else row.end)))
        for agent, spans in held.items():
            said = self.said[agent]
            said.kept_out = without(joined(spans), without(self._told_by_homes(agent), said.holes))

    def _told_by_homes(self, agent: int) -> Spans:
        """From the first to the last record of each home: had it made more in between, they would have numbers."""
        streams = select(col(Stream.id), col(Stream.after_id)).where(col(Stream.agent_id) == agent)
        after: dict[int, int | None] = {own: before for own, before in self._session.execute(streams)}  # noqa: C416
        homes: dict[int, list[int]] = defaultdict(list)
        for stream in after:
            home = stream
            while before := after.get(home):
                home = before
            times = (self._at(stream, 0), self._at(stream, END, after=False))
            homes[home] += [time for time in times if time]
        return joined((minute(min(times)), minute(max(times))) for times in homes.values() if times)

    # -- branches -----------------------------------------------------------------------------------

    def _conditions(self) -> None:
        """Failures of mains and lines, by branch. A branch is cut off when each of its lines is down."""
        down: dict[int, dict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        power: dict[int, list[tuple[int, int]]] = defaultdict(list)
        named = col(Condition.rule).in_([LINE_DOWN, ON_BATTERY]) | (col(Condition.cause) == "power")
        named |= col(Condition.rule) == SILENT
        asked = (
            select(Condition, col(Subject.branch_id))
            .join(Subject, col(Subject.id) == col(Condition.subject_id))
            .where(
                named,
                col(Subject.branch_id).in_(list(self._befell)),
                col(Condition.opened_at) < self._end,
                col(Condition.closed_at).is_(None) | (col(Condition.closed_at) >= self._start),
            )
        )
        found = [(condition, branch) for condition, branch in self._session.execute(asked)]
        told = told_of(self._session, found)
        for condition, branch in found:
            said = told.get(condition.id or 0)
            if said is not None and said.answer is Answer.POWER:
                ended = self._end if condition.closed_at is None else condition.closed_at
                power[branch].append((minute(condition.opened_at), minute(ended)))
        for condition, branch in found:
            ended = self._end if condition.closed_at is None else condition.closed_at
            span = minute(condition.opened_at), minute(ended)
            if condition.rule == ON_BATTERY or condition.cause == "power":
                power[branch].append(span)
            elif condition.rule == LINE_DOWN:
                down[branch][condition.subject_id].append(span)
        probed = self._probed(down)
        for branch, befell in self._befell.items():
            befell.power = joined(power[branch])
            befell.line = _all_down(down[branch], probed[branch], self._window) if branch in down else []

    def _probed(self, branches: Iterable[int]) -> dict[int, dict[int, Spans]]:
        """When each line of the branches was probed."""
        asked = (
            select(col(Subject.branch_id), col(Duty.subject_id), col(Duty.start), col(Duty.end))
            .join(Line, col(Line.id) == col(Duty.subject_id))
            .join(Subject, col(Subject.id) == col(Duty.subject_id))
            .where(col(Subject.branch_id).in_(list(branches)))
        )
        found: dict[int, dict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for branch, line, start, end in self._session.execute(asked):
            found[branch][line].append((minute(start), minute(self._end if end is None else end)))
        return {branch: {line: joined(spans) for line, spans in lines.items()} for branch, lines in found.items()} | {
            branch: {} for branch in branches if branch not in found
        }


def _all_down(down: Mapping[int, Spans], probed: Mapping[int, Spans], window: Spans) -> Spans:
    """When at least one line was known to be down, and none of those that were probed was not."""
    cut = joined(span for spans in down.values() for span in spans)
    for line, spans in probed.items():
        cut = without(cut, without(both(spans, window), joined(down.get(line, []))))
    return cut


def _number(event: Event, name: str) -> int:
    found = event.detail.get(name)
    return found if isinstance(found, int) else 0
