"""The same bank many times over, row by row: a province in a minute, where judging it all at first takes many.

Every row that hangs on a subject, a record or a card is copied with other ids; codes, asset numbers and whatever else
is there only once get a mark of the copy. What health knows of a copy is what it found of the first.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from sqlalchemy import Column, Table, func, select
from sqlmodel import Session

from server.storage.database import Database
from server.storage.tables import metadata

ROOTS = ("subject", "stream", "record", "card", "card_version", "condition", "ticket", "clock_offset")
ONCE = {
    "subject": ("uid", "key"),
    "card": ("uid", "asset"),
    "stream": ("uid",),
    "condition": ("uid",),
    "ticket": ("uid",),
}
NOT = ("agent_key", "agent_token", "invalidation")  # who may speak is said of each agent; screens have heard
AT_ONCE = 20_000  # rows


def marked(text: str, copy: int) -> str:
    """A code, a key, a number of the copy: in the branch's code, or at its end."""
    head, slash, rest = text.partition("/")
    return f"{head}-{copy}{slash}{rest}"


def stream(uid: str, copy: int) -> str:
    return f"{copy:x}-{uid}"[: len(uid)]


def multiply(database: Database, times: int) -> None:
    """As if the bank were `times` as large."""
    if times < 2:
        return
    with database.write() as session:
        steps = {name: _step(session, name) for name in ROOTS}
        for table in metadata.sorted_tables:
            shifts = {column.name: steps[root] for column in table.columns if (root := _root(column)) in steps}
            if shifts and table.name not in NOT:
                _copy(session, table, shifts, steps, times)
        last = select(func.max(metadata.tables["record"].c.id)).scalar_subquery()
        session.execute(metadata.tables["follower"].update().values(cursor=last))  # all of it is judged


def _step(session: Session, name: str) -> int:
    return session.execute(select(func.max(metadata.tables[name].c.id))).scalar_one() or 0


def _root(column: Column[Any]) -> str:
    """The table whose ids a column holds in the end: an agent's id is a subject's."""
    while column.foreign_keys:
        column = next(iter(column.foreign_keys)).column
    return column.table.name if column.name == "id" else ""


def _copy(session: Session, table: Table, shifts: dict[str, int], steps: dict[str, int], times: int) -> None:
    names = [column.name for column in table.columns]
    listed = ", ".join(names)
    connection = session.connection()
    rows = connection.exec_driver_sql(f"SELECT {listed} FROM {table.name} ORDER BY 1").all()
    made = (_row(table.name, names, row, shifts, steps, copy) for copy in range(1, times) for row in rows)
    raw: Any = connection.connection.cursor()
    if connection.dialect.name == "postgresql":
        with raw.copy(f"COPY {table.name} ({listed}) FROM STDIN") as out:
            for row in made:
                out.write_row(row)
        if table.name in ROOTS and table.name != "record":
            asked = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
            connection.exec_driver_sql(asked)
        return
    for part in _parts(made):
        raw.executemany(f"INSERT INTO {table.name} ({listed}) VALUES ({', '.join('?' * len(names))})", part)


def _parts(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    left = iter(rows)
    for first in left:
        yield list(chain([first], islice(left, AT_ONCE)))


def _row(
    table: str, names: list[str], row: Iterable[Any], shifts: dict[str, int], steps: dict[str, int], copy: int
) -> tuple[Any, ...]:
    made = dict(zip(names, row, strict=True))
    for name, step in shifts.items():
        if made[name] is not None:
            made[name] += step * copy
    for name in ONCE.get(table, ()):
        made[name] = _once(name, made[name], copy)
    if table == "health":
        made["state"] = _state(made["state"], steps["subject"] * copy, steps["record"] * copy)
    if table == "ticket":
        made["number"] += steps["ticket"] * copy
    return tuple(made.values())


def _once(name: str, said: str, copy: int) -> str:
    if name in ("key", "asset"):
        return marked(said, copy)
    return stream(said, copy)


def _state(said: str, subject: int, record: int) -> str:
    """What names ids in it: views by agent, with their record; and of a branch, lines and supplies."""
    state = json.loads(said)
    for of in ("views", "lines", "power"):
        if of in state:
            state[of] = {str(int(own) + subject): value for own, value in state[of].items()}
    for view in state.get("views", {}).values():
        if view.get("record"):
            view["record"] += record
    return json.dumps(state, separators=(",", ":"), ensure_ascii=False)
