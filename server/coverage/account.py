"""The account of one position and one agent: every minute due is attested, or missing for one reason. Pure.

A record attests more than its instant. A poll speaks for the interval until the next one is due; and a silence that
is no longer than a state stays fresh (three intervals and a minute) is no gap, just as no screen called it old. A
longer silence is one from an interval after the last poll on.

Not every record attests. A poll that had no answer says that the device is off line, unless the line to its branch or
the mains are known to have failed: then it says nothing of the device. An answer that could not be read says nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import NamedTuple

from server.coverage.spans import MINUTE, Spans, both, joined, minute, without
from server.schemas.coverage import Missing

ORDER = tuple(Missing)  # of two agents' reasons for one minute the earlier counts
Evidence = Sequence[tuple[Missing, Spans]]  # of two that explain one minute the earlier counts


class Answer(IntEnum):
    """What the polls of a stretch had."""

    TOLD = auto()  # an answer, or that a program holds the port
    SILENCE = auto()  # none: the device, or what lies before it
    NONSENSE = auto()  # one that says nothing: refused, garbled, no file


class Stretch(NamedTuple):
    """Polls of one state from `start` to `end`, corrected time in µs."""

    start: int
    end: int
    answer: Answer


@dataclass
class Account:
    """Spans of minutes. `attested` and those of `missing` are `due`, each minute of it once."""

    due: Spans = field(default_factory=list)
    attested: Spans = field(default_factory=list)
    missing: dict[Missing, Spans] = field(default_factory=dict)


def spoken(stretches: Iterable[Stretch], interval: int, now: int) -> dict[Answer, Spans]:
    """The minutes that stretches of one agent speak for, whatever order they come in. `interval` is in µs."""
    hole = 3 * interval + MINUTE
    spans: dict[Answer, Spans] = {answer: [] for answer in Answer}
    begin = end = 0  # of the run of one answer that is not over
    run: Answer | None = None
    for start, stop, answer in sorted(stretches):
        if run is None:
            begin, end, run = start, stop, answer
        elif start - end > hole:
            spans[run].append((minute(begin), minute(end + interval)))
            begin, run = start, answer
        elif answer is not run:
            spans[run].append((minute(begin), minute(max(end, start))))
            begin, run = start, answer
        end = max(end, stop)
    if run is not None:
        until = now if 0 <= now - end <= hole else end + interval
        spans[run].append((minute(begin), minute(until)))
    return {answer: joined(found) for answer, found in spans.items()}


def account(due: Spans, told: Mapping[Answer, Spans], silence: Evidence = (), unanswered: Evidence = ()) -> Account:
    """`silence` explains minutes of which there is no record, `unanswered` those whose polls had no answer."""
    attested = both(told.get(Answer.TOLD, []), due)
    missing: dict[Missing, Spans] = {}
    asked = without(both(told.get(Answer.SILENCE, []), due), attested)
    found_silent = _explain(asked, unanswered, missing)
    nonsense = without(both(told.get(Answer.NONSENSE, []), due), joined([*attested, *asked]))
    attested = joined([*attested, *found_silent])
    rest = without(due, joined([*attested, *asked, *nonsense]))
    rest = _explain(rest, silence, missing)
    _add(missing, Missing.UNREADABLE, nonsense)
    _add(missing, Missing.UNKNOWN, rest)
    return Account(due, attested, missing)


def together(accounts: Sequence[Account]) -> Account:
    """One position seen by several agents: due if it is due to one, attested if one attests it, each minute once."""
    if len(accounts) == 1:
        return accounts[0]
    due = joined(span for one in accounts for span in one.due)
    attested = joined(span for one in accounts for span in one.attested)
    rest = without(due, attested)
    missing: dict[Missing, Spans] = {}
    for reason in ORDER:
        said = joined(span for one in accounts for span in one.missing.get(reason, []))
        _add(missing, reason, both(rest, said))
        rest = without(rest, said)
    return Account(due, attested, missing)


def _explain(rest: Spans, evidence: Evidence, missing: dict[Missing, Spans]) -> Spans:
    """Give each reason what it explains, the first of the evidence first; what is left is nobody's."""
    for reason, spans in evidence:
        _add(missing, reason, both(rest, spans))
        rest = without(rest, spans)
    return rest


def _add(missing: dict[Missing, Spans], reason: Missing, spans: Spans) -> None:
    if spans:
        missing[reason] = joined([*missing.get(reason, []), *spans])


@dataclass
class Count:
    """Minutes of one or many accounts, added up."""

    due: int = 0
    attested: int = 0
    missing: dict[Missing, int] = field(default_factory=lambda: dict.fromkeys(ORDER, 0))

    def add(self, other: "Count") -> None:
        self.due += other.due
        self.attested += other.attested
        for reason, minutes in other.missing.items():
            self.missing[reason] += minutes


def by_day(one: Account, edges: Sequence[int]) -> list[Count]:
    """The minutes of an account between each two of `edges`, which are minutes too."""
    days = [Count() for _ in edges[1:]]
    for day, minutes in _cut(one.due, edges):
        days[day].due += minutes
    for day, minutes in _cut(one.attested, edges):
        days[day].attested += minutes
    for reason, spans in one.missing.items():
        for day, minutes in _cut(spans, edges):
            days[day].missing[reason] += minutes
    return days


def _cut(spans: Spans, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(day, minutes) of every piece."""
    for start, end in spans:
        start, end = max(start, edges[0]), min(end, edges[-1])
        day = bisect_right(edges, start) - 1
        while start < end:
            until = min(end, edges[day + 1])
            yield day, until - start
            start, day = until, day + 1
