"""What is kept of a result. All of it is an agent's word: bounded, without control characters, and nowhere markup."""

import hashlib
from typing import Any

from sqlalchemy import Row
from sqlmodel import col

from agent.wire import Finding, Result, Why
from server.orders.reasons import ENDS
from server.orders.tables import AgentOrder
from server.plain import clean
from server.schemas.orders import OrderState
from server.storage.types import canonical

SAID = 500  # characters of a sentence
WORD = 64  # and of a name
POSITIONS = 2_000  # in one result
FINDINGS = 100
FIGURES = 100


def ended(positions: list[str], result: Result, at: int) -> dict[str, Any]:
    """What the row of an order says once its agent said how it ended, at `at` in corrected time.

    `positions`: those the order named; of others nothing is kept. None named are all.
    """
    polls = _polls(positions, result.polls)
    kept = {"polls": polls, "findings": list(map(_finding, result.findings[:FINDINGS])), "detail": _detail(result)}
    return {
        "state": OrderState.DONE if result.done else _end(result.why),
        "why": "" if result.done else _word(result.why)[:32] or Why.ERROR.value,
        "said": _sentence(result.said),
        "ended_at": at,
        "answered": True,
        "heard_at": None,
        "polled": len(polls),
        "unread": sum(map(bool, polls.values())),
        "result": {key: value for key, value in kept.items() if value},
    }


LINE: Any = (  # columns
    *(col(AgentOrder.uid), col(AgentOrder.state), col(AgentOrder.why), col(AgentOrder.said)),
    *(col(AgentOrder.ended_at), col(AgentOrder.result)),
)


def line(order: AgentOrder | Row[Any]) -> str:
    """What the root of a push stands for, of one order: anybody can make it anew from the row, or from its LINE."""
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


def _polls(positions: list[str], polls: dict[str, str]) -> dict[str, str]:
    asked = set(positions)
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
