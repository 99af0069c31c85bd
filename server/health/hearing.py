"""What is judged of an agent: whether it is heard, and how its clocks stand. Pure."""

import msgspec

from server.health.case import Case, key_of
from server.health.clocks import Stamp, wrongs
from server.health.rules import CLOCKS, DISK, SECOND, SILENT
from server.health.standing import stand
from server.health.state import MINUTE, Heard, Pending, Seen, State
from server.schemas.standing import Standing

AWAY = (Standing.NEVER, Standing.STALE, Standing.CLOSED)  # how an agent stands of whom nothing was to be heard
BREATH = 1000  # µs clocks may differ from one another and say the same all the same
BREAK = 10 * MINUTE  # an agent that tells of nothing for longer has been away, whatever it was heard to say


def same_breath(state: State, seen: Heard, now: int) -> State | None:
    """The state after another record of a batch whose clocks say what those of the one before said; None: hear it out.

    A batch has many records and one clock, and hearing each of them out costs as much as looking at what it tells.
    """
    before, stamp = state.stamp, seen.stamp
    if (
        before is None
        or stamp is None
        or seen.goodbye
        or seen.hindered
        or state.heard != now
        or state.standing is not Standing.GOOD
    ):
        return None
    if state.open or state.pending.keys() - {key_of(SILENT)} or stamp.boot_id != before.boot_id:
        return None
    passed = stamp.at - before.at, stamp.boot - before.boot, stamp.wall - before.wall
    if not 0 <= passed[0] <= SECOND or abs(stamp.confidence - before.confidence) > BREATH:
        return None
    if max(passed) - min(passed) > BREATH:
        return None
    return msgspec.structs.replace(state, told=max(seen.at, state.told), stamp=stamp)


class Hearing(Case):
    """One judgement of an agent."""

    def hear(self, seen: Seen | None) -> None:
        """An agent's own word begins to run out the moment it was last heard."""
        self._forget_rules()
        state, rule, key = self.state, self.rules.get(SILENT), key_of(SILENT)
        if isinstance(seen, Heard):
            was_away = state.standing in AWAY or seen.at - state.told > BREAK
            if was_away and seen.at >= state.told:
                state.steady = seen.at
            since = state.open[key].began if key in state.open else 0
            state.heard, state.told = max(self.now, state.heard), max(seen.at, state.told)
            state.pending.pop(key, None)
            if self.now > since and key in state.open:
                self._close(key, self.now)  # heard again now, however long ago it said this: so long it was not heard
            if seen.hindered is not None:
                self._look_at_disk(seen.hindered)
            if seen.stamp is not None:
                self._look_at_clock(seen.stamp)
            if rule is not None and not seen.goodbye and key not in state.open:
                state.pending[key] = Pending("silent", state.heard, state.heard)
            state.fresh_until = state.heard + (rule.after if rule else 3 * MINUTE)
        elif rule is not None and key in state.pending and state.heard + rule.after <= self.now:
            self._open(key, self.now)
        goodbye = isinstance(seen, Heard) and seen.goodbye
        stand(state, None, self.now, gone=goodbye or (seen is None and state.standing == "closed"), words=self.words)
        if rule is not None and key in state.pending:
            state.due = state.heard + rule.after

    def _look_at_disk(self, hindered: str) -> None:
        """By the server's clock: what cannot be written down has no times of its own."""
        rule, key = self.rules.get(DISK), key_of(DISK)
        if rule is None:
            return
        if not hindered:
            self._refuted(key, self.now)
            return
        self._met(key, rule, hindered, self.now, hearsay=False)
        pending = self.state.pending.get(key)
        if pending is not None and pending.began + rule.after <= self.now:
            self._open(key, self.now)

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
