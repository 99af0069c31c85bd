"""Which sheets of a host were told for an order: looked up after it was begun, by the agent's own count of its uptime.

No clock is asked, neither the PC's nor the server's: the record of a sheet and the result of the order both say how
long their agent's PC had been up, and in which boot.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Row, select
from sqlmodel import Session, col

from agent.wire import AnyRecord, Clock, Result
from server.facts.tables import FactSheet
from server.ingest.tables import RecordRow

AT_ONCE: Final = 500  # records of one question

_decode = msgspec.msgpack.Decoder(AnyRecord).decode


class Answer(NamedTuple):
    """The result of an order: its record, and when the order was begun."""

    record: int
    stream: int
    began: Clock


def told_anew(session: Session, orders: Mapping[int, Row[Any]]) -> set[tuple[int, str]]:
    """(host, topic) of the sheets told for the order of that host. `orders`: by host its uid, agent_id and ended_at."""
    answers = _answers(session, list(orders.values()))
    sheets = _sheets(session, orders)
    records = _records(session, [record for _, _, record in sheets])
    return {
        (host, topic)
        for host, topic, record in sheets
        if record in records and orders[host].uid in answers and _is_after(records[record], answers[orders[host].uid])
    }


def _is_after(record: Row[Any], answer: Answer) -> bool:
    if record.boot_id == answer.began.boot_id:
        return bool(record.boot >= answer.began.boot)
    return bool(record.stream_id == answer.stream and record.id > answer.record)  # its PC was started anew since


def _answers(session: Session, orders: Collection[Row[Any]]) -> dict[str, Answer]:
    """By the uid of the order. An order that does not say when it was begun proves nothing."""
    wanted = {order.uid for order in orders}
    agents = {order.agent_id for order in orders}
    asked = select(*map(col, (RecordRow.id, RecordRow.stream_id, RecordRow.body))).where(
        col(RecordRow.kind) == "result",
        col(RecordRow.subject_id).in_(agents),
        col(RecordRow.at).in_({order.ended_at for order in orders}),
    )
    found: dict[str, Answer] = {}
    for record, stream, body in session.execute(asked.order_by(col(RecordRow.id))):
        result = _decode(body)
        if isinstance(result, Result) and result.order in wanted and result.began is not None:
            found.setdefault(result.order, Answer(record, stream, result.began))
    return found


def _sheets(session: Session, hosts: Collection[int]) -> list[tuple[int, str, int]]:
    asked = select(*map(col, (FactSheet.subject_id, FactSheet.topic, FactSheet.record)))
    return [tuple(row) for row in session.execute(asked.where(col(FactSheet.subject_id).in_(hosts)))]


def _records(session: Session, wanted: list[int]) -> dict[int, Row[Any]]:
    """By id, those that are still in the log: an answer to a campaign is not so old that it has gone."""
    said = select(*map(col, (RecordRow.id, RecordRow.stream_id, RecordRow.boot, RecordRow.boot_id)))
    found: dict[int, Row[Any]] = {}
    for start in range(0, len(wanted), AT_ONCE):
        asked = said.where(col(RecordRow.id).in_(wanted[start : start + AT_ONCE]))
        found |= {row.id: row for row in session.execute(asked)}
    return found
