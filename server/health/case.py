"""One judgement: a copy of the state to work on, and how conditions open, wait, mature and close. Pure."""

import msgspec

from agent.wire import Catalogue
from server.health.blame import blame, quiet_since
from server.health.findings import Merged, merge
from server.health.rules import SILENT, Rule
from server.health.state import (
    DAY,
    MINUTE,
    Around,
    Change,
    Closed,
    Open,
    Opened,
    Pending,
    Place,
    Reworded,
    State,
)
from server.inventory.tables import SubjectKind

# How many ends before this one within how long make a condition a flapping one, and how long it must then be away.
FLAPPING = ((3, 30 * MINUTE, 10 * MINUTE), (12, DAY, 60 * MINUTE))
OF_ALL = 4  # times as many ends at one subject make all its conditions flapping ones
REMEMBERED = max(flaps for flaps, _, _ in FLAPPING)  # ends of one condition, before the newest
OPEN_AT_MOST = 60  # conditions of one subject, waiting ones included: who has more says what no machine says


def key_of(rule: str, part: str = "") -> str:
    return f"{rule} {part}"


class Case:
    """What looking at positions and listening to agents have in common: a state to work on, and the changes found."""

    def __init__(self, state: State, place: Place, around: Around, now: int, words: Catalogue) -> None:
        self.state = msgspec.structs.replace(
            state,
            views=dict(state.views),
            ahead={agent: view for agent, view in state.ahead.items() if view.fresh_to >= now},
            pending=dict(state.pending),
            open=dict(state.open),
            ends={key: list(times) for key, times in state.ends.items()},
            explained="",
            due=None,
        )
        self.place = place
        self.around = around
        self.now = now
        self.words = words
        self.changes: list[Change] = []
        self.rules = {rule.key: rule for rule in place.rules}

    def _forget_rules(self) -> None:
        for key in [k for k in (*self.state.open, *self.state.pending) if k.partition(" ")[0] not in self.rules]:
            self._close(key, self.now, "rule")

    def _met(self, key: str, rule: Rule, word: str, at: int, *, hearsay: bool) -> None:
        open_, pending = self.state.open.get(key), self.state.pending.get(key)
        if open_ is not None:
            if open_.word != word and rule.when is not None and rule.when.number is None:
                self.changes.append(Reworded(self.place.id, *split(key), word))
                open_ = msgspec.structs.replace(open_, word=word)
            self.state.open[key] = msgspec.structs.replace(unend(open_), hearsay=hearsay)
        elif pending is not None:
            known = self.now if pending.known is None else pending.known
            self.state.pending[key] = msgspec.structs.replace(pending, word=word, known=known, hearsay=hearsay)
        elif len(self.state.open) + len(self.state.pending) < OPEN_AT_MOST:
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
            self._ended(key, at)
            if self._clear_after(key, at) == 0:
                self._close(key, at)

    # -- maturing -----------------------------------------------------------------------------------

    def _by_evidence(self, at: int) -> None:
        """What the state held until `at` proves."""
        for key, pending in list(self.state.pending.items()):
            rule = self.rules[key.partition(" ")[0]]
            if pending.known is not None and self._base(key, pending) + rule.after <= at:
                self._open(key, at)
        for key, open_ in list(self.state.open.items()):
            if open_.ended is not None and open_.ended + self._clear_after(key, open_.ended) <= at:
                self._close(key, open_.ended)

    def _base(self, key: str, pending: Pending) -> int:
        """When a pending condition begins to count: silence counts from when nothing explained it any more."""
        if self.place.kind is SubjectKind.POSITION and self._about_device(key):
            return max(pending.began, quiet_since(self.place, self.state, self.around))
        return pending.began

    def _about_device(self, key: str) -> bool:
        when = self.rules[key.partition(" ")[0]].when
        return when is not None and bool(when.device)

    # -- opening and closing ------------------------------------------------------------------------

    def _open(self, key: str, at: int) -> None:
        pending = self.state.pending[key]
        rule_key, part = split(key)
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
        self.changes.append(Closed(self.place.id, *split(key), at, cause))

    def _ended(self, key: str, at: int) -> None:
        """Remember it, whether it then closes or not: what flaps while it is held open still flaps."""
        ends = self.state.ends
        times = ends.pop(key, [])
        for other in [other for other, known in ends.items() if known[-1] <= at - DAY]:
            del ends[other]
        if len(ends) == OPEN_AT_MOST:
            del ends[min(ends, key=lambda other: ends[other][-1])]
        ends[key] = [*times[-REMEMBERED:], at]

    def close_all(self, cause: str) -> None:
        for key in list(self.state.open):
            self._close(key, self.now, cause)
        self.state.pending.clear()
        self.state.views.clear()
        self.state.ahead.clear()

    def _clear_after(self, key: str, ended: int) -> int:
        """How long it must be away before it closes. By the times things happened, whenever they were told of."""
        least = self.rules[key.partition(" ")[0]].clear_after
        before = [at for at in self.state.ends.get(key, []) if at < ended]
        of_all = [at for times in self.state.ends.values() for at in times if at < ended]
        for flaps, within, clear in FLAPPING:
            since = ended - within
            if _since(before, since) >= flaps or _since(of_all, since) >= flaps * OF_ALL:
                least = max(least, clear)
        return least

    def _merged(self, at: int | None = None) -> Merged | None:
        return merge(self.state, self.now if at is None else at, self.words)


def _since(times: list[int], since: int) -> int:
    return sum(at > since for at in times)


def unend(open_: Open) -> Open:
    return open_ if open_.ended is None else msgspec.structs.replace(open_, ended=None, known=None)


def split(key: str) -> tuple[str, str]:
    rule, _, part = key.partition(" ")
    return rule, part
