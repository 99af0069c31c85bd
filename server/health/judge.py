"""The judge: what follows from what was seen, or from time passing. Pure, so live, refill and replay say the same.

A condition opens when its rule has been met for `after`, counted in corrected time by the subject's own evidence, or
by the server's clock since the server knew. It closes when the rule is refuted, for `clear_after`, and dates from when
it ended. Silence refutes nothing: a device that falls silent without paper is without paper until it says otherwise.

A print queue, asked while a program holds the port, says what it complains of and leaves out the rest. What it said
last it takes back by leaving it out; of what the device itself said last, its leaving out says nothing. A queue that is
unknown takes nothing back, and while the port is free nobody asks it: what it said of a part that the device does not
speak of, or calls unknown, stands until it is asked again.

`due` of the new state says when time alone may change it; the follower comes back then.
"""

from collections.abc import Callable

import msgspec

from agent.wire import Catalogue, catalogue
from server.health.blame import blame, quiet_since
from server.health.clocks import Stamp, wrongs
from server.health.findings import Merged, find, merge
from server.health.rules import CLOCKS, SECOND, SILENT, STALE, Rule
from server.health.standing import stand
from server.health.state import (
    MINUTE,
    Ahead,
    Around,
    Change,
    Closed,
    Heard,
    Held,
    Open,
    Opened,
    Pending,
    Place,
    Reworded,
    Seen,
    State,
    Told,
    View,
    fresh_to,
    tested_by,
    view_of,
)
from server.inventory.tables import SubjectKind
from server.schemas import Standing

FLAPS = 3  # closings within FLAP_TIME that make a condition a flapping one
FLAP_TIME = 30 * MINUTE
FLAP_CLEAR = 10 * MINUTE  # a flapping condition must be away this long before it closes
AWAY = (Standing.NEVER, Standing.STALE, Standing.CLOSED)  # how an agent stands of whom nothing was to be heard
BREAK = 10 * MINUTE  # an agent that tells of nothing for longer has been away, whatever it was heard to say


def judge(
    state: State,
    seen: Seen | None,
    place: Place,
    around: Around,
    now: int,
    words: Callable[[], Catalogue] = catalogue,
) -> tuple[State, list[Change]]:
    """The state after `seen` (None: only time passed), and what changed. `now` is the server's clock."""
    case = _Case(state, place, around, now, words())
    if place.removed:
        case.close_all("removed")
    elif place.kind is SubjectKind.AGENT:
        case.hear(seen)
    else:
        case.look(seen)
    return case.state, case.changes


def key_of(rule: str, part: str = "") -> str:
    return f"{rule} {part}"


class _Case:
    """One judgement: a copy of the state to work on, and the changes found."""

    def __init__(self, state: State, place: Place, around: Around, now: int, words: Catalogue) -> None:
        self.state = msgspec.structs.replace(
            state,
            views=dict(state.views),
            ahead={agent: view for agent, view in state.ahead.items() if view.fresh_to >= now},
            pending=dict(state.pending),
            open=dict(state.open),
            closings={key: list(times) for key, times in state.closings.items()},
            explained="",
            due=None,
        )
        self.place = place
        self.around = around
        self.now = now
        self.words = words
        self.changes: list[Change] = []
        self.rules = {rule.key: rule for rule in place.rules}

    # -- positions and lines ------------------------------------------------------------------------

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
            state.open = {key: _unend(found) for key, found in state.open.items()}
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

    def _forget_rules(self) -> None:
        for key in [k for k in (*self.state.open, *self.state.pending) if k.partition(" ")[0] not in self.rules]:
            self._close(key, self.now, "rule")

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
            hearsay = not merged.answered and _split(key)[1] in merged.parts
            self._met(key, rule, word, at, hearsay=hearsay)
        refuted = found.refuted | self._taken_back(merged)
        for key in refuted - found.met.keys():
            self._refuted(key, at)
        for key in [k for k in self.state.pending if k not in found.met]:
            self.state.pending[key] = msgspec.structs.replace(self.state.pending[key], known=None)
        for key, open_ in self.state.open.items():
            if key not in found.met and key not in refuted and key != key_of(STALE):
                self.state.open[key] = _unend(open_)

    def _taken_back(self, merged: Merged) -> set[str]:
        """What a print queue said last and says no more."""
        if merged.answered or merged.parts.get("queue", "unknown") == "unknown":
            return set()
        told: dict[str, Pending | Open] = {**self.state.pending, **self.state.open}
        return {key for key, said in told.items() if said.hearsay and _split(key)[1] not in merged.parts}

    def _met(self, key: str, rule: Rule, word: str, at: int, *, hearsay: bool) -> None:
        open_, pending = self.state.open.get(key), self.state.pending.get(key)
        if open_ is not None:
            if open_.word != word and rule.when is not None and rule.when.number is None:
                self.changes.append(Reworded(self.place.id, *_split(key), word))
                open_ = msgspec.structs.replace(open_, word=word)
            self.state.open[key] = msgspec.structs.replace(_unend(open_), hearsay=hearsay)
        elif pending is not None:
            known = self.now if pending.known is None else pending.known
            self.state.pending[key] = msgspec.structs.replace(pending, word=word, known=known, hearsay=hearsay)
        else:
            newest = self.state.newest
            record = newest.record if newest else None
            self.state.pending[key] = Pending(word, at, self.now, record, hearsay)
            if rule.after == 0:
                self._open(key, at)

    def _refuted(self, key: str, at: int) -> None:
        self.state.pending.pop(key, None)
        open_ = self.state.open.get(key)
        if open_ is not None and open_.ended is None:
            self.state.open[key] = msgspec.structs.replace(open_, ended=at, known=self.now)
            if self._clear_after(key) == 0:
                self._close(key, at)

    # -- maturing -----------------------------------------------------------------------------------

    def _by_evidence(self, at: int) -> None:
        """What the state held until `at` proves."""
        for key, pending in list(self.state.pending.items()):
            rule = self.rules[key.partition(" ")[0]]
            if pending.known is not None and self._base(key, pending) + rule.after <= at:
                self._open(key, at)
        for key, open_ in list(self.state.open.items()):
            if open_.ended is not None and open_.ended + self._clear_after(key) <= at:
                self._close(key, open_.ended)

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
            if open_.known + self._clear_after(key) <= min(self.now, self.state.fresh_until):
                self._close(key, open_.ended)

    def _base(self, key: str, pending: Pending) -> int:
        """When a pending condition begins to count: silence counts from when nothing explained it any more."""
        if self.place.kind is SubjectKind.POSITION and self._about_device(key):
            return max(pending.began, quiet_since(self.place, self.state, self.around))
        return pending.began

    def _about_device(self, key: str) -> bool:
        when = self.rules[key.partition(" ")[0]].when
        return when is not None and bool(when.device)

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

    # -- agents -------------------------------------------------------------------------------------

    def hear(self, seen: Seen | None) -> None:
        """An agent's own word begins to run out the moment it was last heard."""
        self._forget_rules()
        state, rule, key = self.state, self.rules.get(SILENT), key_of(SILENT)
        if isinstance(seen, Heard):
            was_away = state.standing in AWAY or seen.at - state.told > BREAK
            if was_away and seen.at >= state.told:
                state.steady = seen.at
            state.heard, state.told = max(self.now, state.heard), max(seen.at, state.told)
            state.pending.pop(key, None)
            if key in state.open:
                self._close(key, seen.at)
            if seen.stamp is not None:
                self._look_at_clock(seen.stamp)
            if rule is not None and not seen.goodbye:
                state.pending[key] = Pending("silent", self.now, self.now)
            state.fresh_until = state.heard + (rule.after if rule else 3 * MINUTE)
        elif rule is not None and key in state.pending and state.heard + rule.after <= self.now:
            self._open(key, self.now)
        goodbye = isinstance(seen, Heard) and seen.goodbye
        stand(state, None, self.now, gone=goodbye or (seen is None and state.standing == "closed"), words=self.words)
        if rule is not None and key in state.pending:
            state.due = state.heard + rule.after

    def _look_at_clock(self, stamp: Stamp) -> None:
        before, at = self.state.stamp, stamp.at
        if before is not None and at < before.at:
            return  # history that came late
        self.state.stamp = stamp
        said = wrongs(before, stamp)
        for rule in (self.rules[key] for key in CLOCKS if key in self.rules):
            key, word = key_of(rule.key), said.get(rule.key)
            if word:
                self._met(key, rule, word, at, hearsay=False)
            elif word is not None:
                self._refuted(key, at)
            elif key in self.state.pending:
                self.state.pending[key] = msgspec.structs.replace(self.state.pending[key], known=None)
        self._by_evidence(at)

    # -- opening and closing ------------------------------------------------------------------------

    def _open(self, key: str, at: int) -> None:
        pending = self.state.pending[key]
        rule_key, part = _split(key)
        rule = self.rules[rule_key]
        blamed = self._blamed(at) if self._about_silence(key) else None
        if blamed is not None and self.place.kind is SubjectKind.POSITION:
            return  # the parent has the condition; this one waits, and may yet be blamed itself
        del self.state.pending[key]
        self.state.open[key] = Open(pending.word, rule.severity, pending.began, hearsay=pending.hearsay)
        cause, subject = blamed if blamed is not None else ("", None)
        if not cause and rule_key == SILENT:
            cause = "pcOff" if self.around.evidence.lines else "unknown"
        self.changes.append(
            Opened(self.place.id, rule, part, pending.word, pending.began, self.now, cause, subject, pending.record)
        )

    def _blamed(self, at: int) -> tuple[str, int | None] | None:
        return blame(self.place, self.state, self.around, at)

    def _about_silence(self, key: str) -> bool:
        if self.place.kind is SubjectKind.AGENT:
            return key == key_of(SILENT)
        merged = self._merged()
        return self._about_device(key) and merged is not None and merged.unreachable

    def _close(self, key: str, at: int, cause: str = "") -> None:
        self.state.pending.pop(key, None)
        open_ = self.state.open.pop(key, None)
        if open_ is None:
            return
        at = max(at, open_.began)
        times = [t for t in self.state.closings.get(key, []) if at - t < FLAP_TIME]
        self.state.closings[key] = [*times[-FLAPS:], at]
        self.changes.append(Closed(self.place.id, *_split(key), at, cause))

    def close_all(self, cause: str) -> None:
        for key in list(self.state.open):
            self._close(key, self.now, cause)
        self.state.pending.clear()
        self.state.views.clear()
        self.state.ahead.clear()

    def _clear_after(self, key: str) -> int:
        rule = self.rules[key.partition(" ")[0]]
        recent = [t for t in self.state.closings.get(key, []) if self.now - t < FLAP_TIME]
        return max(rule.clear_after, FLAP_CLEAR) if len(recent) >= FLAPS else rule.clear_after

    # -- the rest -----------------------------------------------------------------------------------

    def _merged(self, at: int | None = None) -> Merged | None:
        return merge(self.state, self.now if at is None else at, self.words)

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
        times += [o.known + self._clear_after(key) for key, o in state.open.items() if o.known is not None]
        times = [time if time > self.now else self.now + 30 * SECOND for time in times]
        if self.now <= state.fresh_until:
            times.append(state.fresh_until + 1)
        elif key_of(STALE) not in state.open and any(
            not voice.closed and not voice.silent for voice in self.around.voices.values()
        ):
            times.append(self.now + MINUTE)  # until its agent has told of this time, or is silent itself
        return min(times, default=None)


def _unend(open_: Open) -> Open:
    return open_ if open_.ended is None else msgspec.structs.replace(open_, ended=None, known=None)


def _split(key: str) -> tuple[str, str]:
    rule, _, part = key.partition(" ")
    return rule, part
