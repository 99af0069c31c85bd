"""The register and the sightings as an Excel workbook, as an auditor takes them away."""

from typing import Final
from zoneinfo import ZoneInfo

from server.ledger.cells import moment
from server.ledger.plain_sheet import List, workbook
from server.schemas.media import SightingPage, StickPage, StickStatus, StickWord, Way
from server.texts import Gettext

STATUS: Final = {
    StickStatus.KEPT: "kept",
    StickStatus.LENT: "lent",
    StickStatus.LOST: "lost",
    StickStatus.RETIRED: "retired",
}
WORDS: Final = {
    StickWord.OWN: "the bank's",
    StickWord.OVERDUE: "overdue",
    StickWord.LOST: "lost",
    StickWord.RETIRED: "retired",
    StickWord.UNKNOWN: "not registered",
}
WAYS: Final = {Way.IN: "put in", Way.OUT: "taken out", Way.FOUND: "was in at the start"}


def book(register: StickPage, sightings: SightingPage, bank: str, zone: ZoneInfo, _: Gettext) -> bytes:
    def at(micros: int | None) -> str:
        return f"{moment(micros, zone):%Y-%m-%d %H:%M:%S}" if micros is not None else _("never")

    line = _("{bank} · as of {at} · {watched} of {agents} agents ever told of a medium").format(
        bank=bank, at=at(register.at), watched=register.watched, agents=register.agents
    )
    own = List(
        _("Register"),
        _("Register of removable media"),
        line,
        [
            (_("Label"), 14),
            (_("Serial number"), 24),
            (_("Branch"), 16),
            (_("State"), 8),
            (_("Keeper"), 12),
            (_("Due"), 11),
            (_("Since"), 19),
            (_("Last seen"), 19),
            (_("Seen by"), 14),
            (_("Note"), 24),
        ],
        (
            [
                one.label,
                one.serial,
                one.branch_name,
                _("overdue") if one.overdue else _(STATUS[one.status]),
                one.keeper,
                one.due.isoformat() if one.due else "",
                at(one.since),
                at(one.seen_at),
                one.seen_by,
                one.note,
            ]
            for one in register.rows
        ),
    )
    seen = List(
        _("Sightings"),
        _("Removable media seen by agents"),
        f"{line} · {len(sightings.rows):,} / {sightings.total:,}",
        [
            (_("Time"), 19),
            (_("Agent"), 14),
            (_("Branch"), 16),
            (_("What"), 12),
            (_("By the register"), 12),
            (_("Label"), 14),
            (_("Serial number"), 24),
            (_("Maker and model"), 28),
            (_("GB"), 8),
            (_("Ticket"), 12),
        ],
        (
            [
                at(one.at),
                one.agent,
                one.branch_name,
                _(WAYS[one.way]),
                _(WORDS[one.word]),
                one.label,
                one.serial,
                f"{one.vendor} {one.model}".strip(),
                f"{one.bytes / 1e9:.1f}" if one.bytes else "",
                one.ticket or "",
            ]
            for one in sightings.rows
        ),
    )
    return workbook(own, seen)
