"""What is kept of a result. All of it is an agent's word: bounded, without control characters, and nowhere markup."""

import hashlib
from typing import Any

from agent.wire import Finding, Result, Why
from server.orders.reasons import ENDS
from server.orders.tables import AgentOrder
from server.schemas.orders import OrderState
from server.storage.types import canonical
from server.tickets.deeds import clean

SAID = 500  # characters of a sentence
WORD = 64  # and of a name
POSITIONS = 2_000  # in one result
FINDINGS = 100
FIGURES = 100


def apply(order: AgentOrder, result: Result, at: int) -> None:
    """The order ended as its agent says, at `at` in corrected time."""
    order.state = OrderState.DONE if result.done else _end(result.why)
    order.why = "" if result.done else _word(result.why)[:32] or Why.ERROR.value
    order.said = _sentence(result.said)
    order.ended_at = at
    order.answered = True
    order.heard_at = None
    polls = _polls(order, result.polls)
    order.polled, order.unread = len(polls), sum(map(bool, polls.values()))
    kept = {"polls": polls, "findings": list(map(_finding, result.findings[:FINDINGS])), "detail": _detail(result)}
    order.result = {key: value for key, value in kept.items() if value}


def line(order: AgentOrder) -> str:
    """What the root of a push stands for, of one order: anybody can make it anew from the row."""
    return canonical(
        {
            "order": order.uid,
            "state": order.state,
            "why": order.why,
            "said": order.said,
            "ended_at": order.ended_at,
            "result": hashlib.sha256(canonical(order.result).encode()).hexdigest(),
        }
    )


def _end(why: str) -> OrderState:
    return ENDS.get(Why(why), OrderState.FAILED) if why in set(Why) else OrderState.FAILED


def _polls(order: AgentOrder, polls: dict[str, str]) -> dict[str, str]:
    """Of the positions the order names; where it names none, of all that are told."""
    asked = set(order.positions)
    told = [(key, why) for key, why in polls.items() if not asked or key in asked]
    return {_word(key, 200): _word(why) for key, why in sorted(told)[:POSITIONS]}


def _finding(finding: Finding) -> dict[str, Any]:
    said = {name: _sentence(getattr(finding, name)) for name in ("zh", "en", "mend_zh", "mend_en")}
    return {"what": _word(finding.what), "good": finding.good, **said}


def _detail(result: Result) -> dict[str, str | int]:
    figures = sorted(result.detail.items())[:FIGURES]
    return {_word(key): value if isinstance(value, int) else _sentence(value) for key, value in figures}


def _sentence(text: str) -> str:
    return clean(text[:SAID])


def _word(text: str, longest: int = WORD) -> str:
    return clean(text[:longest]).replace("\n", " ")
