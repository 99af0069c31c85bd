"""This PC without the server, for scripts and terminals."""

from collections.abc import Iterator, Sequence
from typing import Any

from tui.commands.listed import aligned
from tui.local import words
from tui.local.folder import Local
from tui.local.schema import Line, Position
from tui.plain import plain
from tui.texts import _, language
from tui.words.marks import LEVELS, STANDINGS
from tui.words.times import moment


def narration(local: Local) -> str:
    level, sentence = words.agent_line(local)
    return f"{LEVELS[level].shape} {sentence}"


def lines(local: Local) -> Iterator[str]:
    """The server, the devices, the lines, the steps, what was entered: a heading each."""
    now = local.now
    level, sentence = words.server_line(local)
    yield plain(f"{words.place(now)}  {LEVELS[level].shape} {sentence}")
    if suspect := words.suspect_line(local):
        yield suspect
    yield from _part(_("Devices"), [_device(local, row) for row in now.positions])
    yield from _part(
        _("Lines and numbers to call"),
        [[one.name, words.role(one), one.carrier, one.circuit, one.fault_phone, one.bandwidth] for one in now.lines],
    )
    for plan in words.plans(now):
        yield from _part(
            words.plan_title(plan.key), [[str(place), step] for place, step in enumerate(plan.of(language()), 1)]
        )
    rows = words.entered(now, [], {})
    told = [[moment(row.at, local.read), row.who, row.said, _(words.STATES[row.state])] for row in rows]
    yield from _part(_("Entered here"), told)


def _device(local: Local, row: Position) -> list[str]:
    mark = STANDINGS[local.standing(row.standing)]
    asked = moment(row.asked, local.read) if row.asked else "—"
    return [f"{mark.shape} {mark.title}", row.key, row.name, words.detail(row), asked]


def _part(title: str, rows: list[list[str]]) -> Iterator[str]:
    if rows:
        yield ""
        yield f"[{plain(title)}]"
        yield from aligned(rows)


def as_json(local: Local) -> dict[str, Any]:
    """The file, how old it is, and every standing as it counts at this moment."""
    said = local.now.model_dump(mode="json")
    rows: dict[str, Sequence[Position | Line]] = {"positions": local.now.positions, "lines": local.now.lines}
    for kind, found in rows.items():
        for one, row in zip(said[kind], found, strict=True):
            one["standing"] = local.standing(row.standing).value
    return {"fresh": local.fresh, "age_seconds": None if local.age is None else local.age // 1_000_000, **said}
