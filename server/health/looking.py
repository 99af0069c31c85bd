"""What is judged of a position or line: what its views say, whose fault it is, and what time alone proves. Pure.

A print queue, asked while a program holds the port, says what it complains of and leaves out the rest. What it said
last it takes back by leaving it out; of what the device itself said last, its leaving out says nothing. A queue that is
unknown takes nothing back, and while the port is free nobody asks it: what it said of a part that the device does not
speak of, or calls unknown, stands until it is asked again.
"""

import msgspec

from server.health.case import Case, key_of, split, unend
from server.health.findings import Merged, find, merge
from server.health.rules import SECOND, STALE
from server.health.standing import stand
from server.health.state import (
    MINUTE,
    Ahead,
    Held,
    Open,
    Pending,
    Seen,
    Told,
    View,
    fresh_to,
    tested_by,
    view_of,
)


class Looking(Case):
    """One judgement of a position or line."""

    def look(self, seen: Seen | None) -> None:
        self._forget_views()
        self._forget_rules()
        if isinstance(seen, Told):
            self._told(seen)
        elif isinstance(seen, Held):
            self._held(seen)
        elif isinstance(seen, Ahead):
            self._ahead(seen)
        else:
            self._by_clock()
        state = self.state
        state.fresh_until = self._fresh_until()
        if self._gone():
            state.pending.clear()
            state.open = {key: unend(found) for key, found in state.open.items()}
        elif seen is None:
            self._stale()
        merged = self._merged()
        blamed = self._blamed(self.now) if merged is not None and merged.unreachable else None
        state.explained = blamed[0] if blamed is not None else ""
        met = None
        if state.ahead:
            shown = msgspec.structs.replace(state, views=state.shown)
            merged = merge(shown, self.now, self.words)
            met = find(self.place.rules, merged, state, self.words).met if merged else None
        state.device = merged.device if merged else ""
        stand(state, merged, self.now, gone=self._gone(), words=self.words, met=met)
        state.due = self._due()

    def _forget_views(self) -> None:
        """Let go of views the inventory took away: by another agent, through another driver."""
        state, place = self.state, self.place
        if place.agents:
            for views in (state.views, state.ahead):
                for agent in [agent for agent in views if int(agent) not in place.agents]:
                    del views[agent]
        if place.driver is not None:
            if state.driver not in ("", place.driver):
                self.close_all("driver")
            state.driver = place.driver

    def _told(self, told: Told) -> None:
        before = self.state.views.get(str(told.agent))
        if before is not None and told.at < before.held_to:
            return  # history that came late: the newest state stands
        self._by_evidence(told.at)
        view = view_of(told, self.place)
        if view.busy and before is not None:
            view = msgspec.structs.replace(view, tested=tested_by(before, told.at, self.place))
        self.state.views[str(told.agent)] = view
        self._caught_up(told.agent, told.at)
        self._speaks(told.at)
        self._find(told.at)
        self._by_evidence(told.at)

    def _held(self, held: Held) -> None:
        view = self.state.views.get(str(held.agent))
        if view is None or held.polls <= 0 or held.at < view.held_to:
            return
        self.state.views[str(held.agent)] = msgspec.structs.replace(
            view, held_to=held.at, fresh_to=fresh_to(held.at, view.as_of, self.place)
        )
        self._caught_up(held.agent, held.at)
        self._speaks(held.at)
        self._find(held.at)
        self._by_evidence(held.at)

    def _ahead(self, ahead: Ahead) -> None:
        agent = str(ahead.told.agent)
        known: View | None = self.state.views.get(agent)
        if known is None or known.held_to < ahead.held_to:
            view = view_of(ahead.told, self.place)
            fresh = fresh_to(ahead.held_to, view.as_of, self.place)
            self.state.ahead[agent] = msgspec.structs.replace(view, held_to=ahead.held_to, fresh_to=fresh)

    def _caught_up(self, agent: int, at: int) -> None:
        """The records have come to where it was told ahead."""
        ahead = self.state.ahead.get(str(agent))
        if ahead is not None and at >= ahead.held_to - SECOND:
            del self.state.ahead[str(agent)]

    def _speaks(self, at: int) -> None:
        """Whoever gives data is not stale, unless the data itself is old."""
        if key_of(STALE) in self.state.open and self._fresh_until() >= at:
            self._close(key_of(STALE), at)

    def _find(self, at: int) -> None:
        merged = self._merged(at)
        if merged is None:
            return
        found = find(self.place.rules, merged, self.state, self.words)
        for key, (rule, word) in found.met.items():
            hearsay = not merged.answered and split(key)[1] in merged.parts
            self._met(key, rule, word, at, hearsay=hearsay)
        refuted = found.refuted | self._taken_back(merged)
        for key in refuted - found.met.keys():
            self._refuted(key, at)
        for key in [k for k in self.state.pending if k not in found.met]:
            self.state.pending[key] = msgspec.structs.replace(self.state.pending[key], known=None)
        for key, open_ in self.state.open.items():
            if key not in found.met and key not in refuted and key != key_of(STALE):
                self.state.open[key] = unend(open_)

    def _taken_back(self, merged: Merged) -> set[str]:
        """What a print queue said last and says no more."""
        if merged.answered or merged.parts.get("queue", "unknown") == "unknown":
            return set()
        told: dict[str, Pending | Open] = {**self.state.pending, **self.state.open}
        return {key for key, said in told.items() if said.hearsay and split(key)[1] not in merged.parts}

    def _by_clock(self) -> None:
        """What the server's clock proves, as nothing else was heard. It closes only what is fresh.

        Of an agent that is behind the next records may say that it passed: there the clock proves nothing.
        """
        if self._gone() or self._behind():
            return
        for key, pending in list(self.state.pending.items()):
            rule = self.rules[key.partition(" ")[0]]
            if pending.known is not None and max(pending.known, self._base(key, pending)) + rule.after <= self.now:
                self._open(key, self.now)
        for key, open_ in list(self.state.open.items()):
            if open_.ended is None or open_.known is None:
                continue
            if open_.known + self._clear_after(key, open_.ended) <= min(self.now, self.state.fresh_until):
                self._close(key, open_.ended)

    def _stale(self) -> None:
        """No data, though an agent that polls it tells of later times."""
        rule, state = self.rules.get(STALE), self.state
        seen_at = state.seen_at
        if rule is None or seen_at is None or self.now <= state.fresh_until or key_of(STALE) in state.open:
            return
        for voice in self.around.voices.values():
            patience = voice.steady + self.place.span
            if not voice.closed and not voice.silent and voice.told > max(state.fresh_until, patience) + rule.after:
                state.pending[key_of(STALE)] = Pending("stale", seen_at, self.now)
                self._open(key_of(STALE), self.now)
                return

    def _fresh_until(self) -> int:
        return max((view.fresh_to for view in self.state.views.values()), default=0)

    def _gone(self) -> bool:
        """Every agent that polls it said goodbye."""
        voices = [self.around.voices[agent] for agent in self.place.agents if agent in self.around.voices]
        return bool(voices) and len(voices) == len(self.place.agents) and all(voice.closed for voice in voices)

    def _behind(self) -> bool:
        """Every agent that polls it has more history to tell."""
        voices = self.around.voices.values()
        return bool(voices) and all(voice.behind for voice in voices)

    def _due(self) -> int | None:
        state = self.state
        if self._gone() or not state.views:
            return None
        times = []
        for key, pending in state.pending.items():
            if pending.known is not None:
                rule = self.rules[key.partition(" ")[0]]
                times.append(max(pending.known, self._base(key, pending)) + rule.after)
        for key, open_ in state.open.items():
            if open_.known is not None and open_.ended is not None:
                times.append(open_.known + self._clear_after(key, open_.ended))
        times = [time if time > self.now else self.now + 30 * SECOND for time in times]
        if self.now <= state.fresh_until:
            times.append(state.fresh_until + 1)
        elif key_of(STALE) not in state.open and any(
            not voice.closed and not voice.silent for voice in self.around.voices.values()
        ):
            times.append(self.now + MINUTE)  # until its agent has told of this time, or is silent itself
        return min(times, default=None)
