"""Lists for scripts and terminals: columns that line up in Chinese, or JSON."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import typer
from pydantic import BaseModel
from rich.cells import cell_len

from server.schemas.base import Coverage
from server.schemas.coverage import AgentCoverage, BranchCoverage
from server.schemas.entries import EntryOut
from server.schemas.positions import PositionRow
from server.schemas.tickets import TicketOut
from tui.local.words import ANSWERS, WHATS
from tui.plain import plain, to_json
from tui.texts import _
from tui.words.marks import STANDINGS, TICKETS
from tui.words.times import moment
from tui.words.values import coverage, missing, percent, what

PAGE = 500
T = TypeVar("T", bound=BaseModel, covariant=True)
R = TypeVar("R", bound=BaseModel)


class Paged(Protocol[T]):
    @property
    def total(self) -> int: ...
    @property
    def at(self) -> int: ...
    @property
    def coverage(self) -> Coverage | None: ...
    @property
    def rows(self) -> Sequence[T]: ...


async def all_pages(
    ask: Callable[[int, int], Awaitable[Paged[R]]], lines: Callable[[Sequence[R], int], list[list[str]]], json: bool
) -> None:
    """Every row to stdout. The coverage, which is no data of the list, goes to stderr, or into the JSON."""
    rows: list[R] = []
    while True:
        page = await ask(len(rows), PAGE)
        rows += page.rows
        if len(rows) >= page.total or not page.rows:
            break
    if json:
        covered = page.coverage.model_dump() if page.coverage else None
        listed = [row.model_dump(mode="json") for row in rows]
        typer.echo(to_json({"at": page.at, "total": page.total, "coverage": covered, "rows": listed}))
        return
    for line in aligned(lines(rows, page.at)):
        typer.echo(line)
    if page.coverage is not None:
        typer.echo(coverage(page.coverage), err=True)


def device_lines(rows: Sequence[PositionRow], now: int) -> list[list[str]]:
    head = [_("State"), _("Key"), _("Branch"), _("Device"), _("What"), _("Data"), _("Ticket")]
    return [
        head,
        *(
            [
                f"{STANDINGS[row.standing].shape} {STANDINGS[row.standing].title}",
                row.key,
                row.branch_name,
                row.name,
                what(row, now),
                moment(row.seen_at, now) if row.seen_at else "—",
                row.ticket or "",
            ]
            for row in rows
        ),
    ]


def entry_lines(rows: Sequence[EntryOut], now: int) -> list[list[str]]:
    head = [_("Entered"), _("What"), _("Branch"), _("Where"), _("Who"), _("Text"), _("Ticket")]
    return [
        head,
        *(
            [
                moment(row.at, now),
                _(ANSWERS[row.answer]) if row.answer else _(WHATS[row.what]),
                row.branch_name,
                row.subject_name,
                f"{row.who} @ {row.agent}",
                row.text.replace("\n", " "),
                row.ticket or "",
            ]
            for row in rows
        ),
    ]


def ticket_lines(rows: Sequence[TicketOut], now: int) -> list[list[str]]:
    head = [_("Ticket"), _("State"), _("Branch"), _("Where"), _("What"), _("Opened"), _("Handler")]
    return [
        head,
        *(
            [
                row.number,
                f"{TICKETS[row.status].shape} {TICKETS[row.status].title}",
                row.branch_name,
                row.subject_name,
                (_("entered offline") + " " if row.offline else "") + row.title,
                moment(row.opened_at, now),
                row.handler,
            ]
            for row in rows
        ),
    ]


def coverage_lines(rows: Sequence[AgentCoverage | BranchCoverage]) -> list[list[str]]:
    """A line for each agent, or branch, and day on which anything was due."""
    head = [_("Day"), _("Key"), _("Name"), _("Due"), _("Attested"), "%", _("Lost records"), _("Why")]
    return [
        head,
        *(
            [
                day.day,
                row.key if isinstance(row, AgentCoverage) else row.code,
                row.name,
                str(day.due),
                str(day.attested),
                percent(day),
                str(day.lost or ""),
                missing(day),
            ]
            for row in rows
            for day in row.days
            if day.due
        ),
    ]


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines of equal columns, by cells and not by characters."""
    clean = [[plain(cell) for cell in row] for row in table]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*clean, strict=True)]
    return [
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in clean
    ]
