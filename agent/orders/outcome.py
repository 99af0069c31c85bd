"""How an order ended, before it is a record."""

import msgspec

from agent.wire import AnyRecord, Finding, Why


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an order ended: done, or `why` not. `records` go before its Result, in the same transaction."""

    why: str = ""
    said: str = ""
    polls: dict[str, str] = {}
    findings: list[Finding] = []
    detail: dict[str, str | int] = {}
    records: list[AnyRecord] = []


class NotDone(Exception):
    """Why, and where that is an error one sentence about it."""

    def __init__(self, why: Why, said: str = "") -> None:
        super().__init__(said or why.value)
        self.why = why
        self.said = said
