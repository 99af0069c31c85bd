"""One branch's result as text for its chat group, whole and in pieces that fit a QR code each."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from server.campaigns.queries import Reader, Which, branches, hosts
from server.campaigns.tables import Campaign
from server.campaigns.ticks import rows, tally
from server.inventory.tables import Subject, SubjectKind
from server.queries import bank_zone
from server.schemas.campaigns import CampaignHost, CampaignText, HostState, Kind, Part, Tally, Tick, TickTally
from server.texts import Gettext, gettext_for

PAGE: Final = 500
LISTED: Final = 100  # hosts in a text; a chat group reads no more, and the rest is counted
PIECE: Final = 330  # bytes of one code: it fits a terminal of 40 lines, and a phone reads it off a bad screen
NOTE: Final = 12  # of them for "(12/34)\n"

WORDS: Final = {
    "pass": "pass",
    "fail": "fail",
    "unknown": "not known",
    "exempt": "exempt",
    "not_applicable": "does not apply",
}
UNDONE: Final = "not done"
PARTS: Final = {
    Part.BOUNDARY: "1 Network boundary",
    Part.SYSTEM: "2 Hosts",
    Part.AWARENESS: "3 Awareness",
}
TICKS: Final = {Tick.DONE: "done", Tick.NOT_POSSIBLE: "not possible"}
UNANSWERED: Final = "unanswered"


def every_host(
    session: Session, campaign: Campaign, viewer: Reader, branch: str | None, now: int
) -> Iterator[CampaignHost]:
    offset = 0
    while True:
        page = hosts(session, campaign, viewer, Which(branch), now=now, offset=offset, limit=PAGE)
        yield from page.rows
        offset += PAGE
        if offset >= page.total:
            return


def counted(tally: Tally, _: Gettext) -> str:
    """ "12 hosts: pass 8 · fail 2 · not done 2": every host is in it."""
    parts = [f"{_(WORDS[word])} {count}" for word, count in tally.words.items() if count or word == "pass"]
    if tally.undone:
        parts.append(f"{_(UNDONE)} {tally.undone}")
    if tally.waiting:
        parts.append(_("waiting {count}, {off} of them off").format(count=tally.waiting, off=tally.off))
    return _("{count} hosts: {parts}").format(count=tally.total, parts=" · ".join(parts))


def text(session: Session, campaign: Campaign, viewer: Reader, branch: str, now: int) -> CampaignText:
    """What a branch has to know: its counts, then each host that does not pass, with what to do."""
    _, zone = gettext_for(viewer.lang), bank_zone(session)
    found = select(col(Subject.name)).where(col(Subject.kind) == SubjectKind.BRANCH, col(Subject.key) == branch)
    name = session.execute(found).scalar_one()
    hosts_of = next((one.hosts for one in branches(session, campaign, viewer, now).rows if one.branch == branch), None)
    at = datetime.fromtimestamp(as_of(campaign, now) / 1_000_000, zone)
    lines = [
        _("[Check] {title}").format(title=campaign.title),
        _("{branch}, as of {at}").format(branch=name, at=f"{at:%m-%d %H:%M}"),
        counted(hosts_of, _) if hosts_of and hosts_of.total else _("No host of this branch is in it."),
    ]
    wanting = (
        one
        for one in every_host(session, campaign, viewer, branch, now)
        if one.state is not HostState.ANSWERED or one.word in ("fail", "unknown")
    )
    lines += [*_people(session, campaign, viewer, branch, _)]
    left = 0
    for number, host in enumerate(wanting, 1):
        if number > LISTED:
            left += 1
        else:
            lines += _host(number, host, _)
    if left:
        lines.append(_("... and {count} hosts more: see the list").format(count=left))
    return CampaignText(branch=branch, branch_name=name, text="\n".join(lines), parts=pieces(lines))


def as_of(campaign: Campaign, now: int) -> int:
    """A monthly list is as it was then, whenever it is read."""
    return campaign.at if campaign.kind == Kind.MONTHLY else now


def ticked(counts: TickTally, _: Gettext) -> str:
    """ "done 3 · not possible 1 · unanswered 2": what nobody answered is always said."""
    parts = [f"{_(TICKS[Tick.DONE])} {counts.done}"]
    if counts.not_possible:
        parts.append(f"{_(TICKS[Tick.NOT_POSSIBLE])} {counts.not_possible}")
    return " · ".join([*parts, f"{_(UNANSWERED)} {counts.unanswered}"])


def _people(session: Session, campaign: Campaign, viewer: Reader, branch: str, _: Gettext) -> Iterator[str]:
    """The parts people answer: their counts, and what is not done."""
    if not campaign.template:
        return
    found = rows(session, campaign, viewer, branch, viewer.lang).rows
    for part, title in PARTS.items():
        of_part = [one for one in found if one.part is part]
        if not of_part:
            continue
        words = [one.newest.word.value if one.newest else "" for one in of_part]
        counts = tally({word: words.count(word) for word in words})
        yield _("{title}: {counts}").format(title=_(title), counts=ticked(counts, _))
        for one in of_part:
            if one.newest is None:
                yield f" {_(UNANSWERED)} {one.title}"
            elif one.newest.word is not Tick.DONE:
                word, note, who = _(TICKS[one.newest.word]), one.newest.note, one.newest.by
                yield _(" {word} {title}: {note} ({who})").format(word=word, title=one.title, note=note, who=who)


def _host(number: int, host: CampaignHost, _: Gettext) -> Iterator[str]:
    called = host.name if host.name == host.host else f"{host.name} {host.host}"
    if host.state is not HostState.ANSWERED:
        state = _("waits") if host.state is HostState.WAITING else _(UNDONE)
        yield f"{number}. {called} {state}: {host.why}"
        return
    yield f"{number}. {called}"
    for verdict in host.verdicts:
        if verdict.word in ("fail", "unknown"):
            yield f" {_(WORDS[verdict.word])} {verdict.title}: {_('; ').join(verdict.why)}"
            if verdict.mend:
                yield f"  → {_('; ').join(verdict.mend)}"


def pieces(lines: list[str]) -> list[str]:
    """The lines in numbered pieces of at most PIECE bytes; a line that is longer goes on in the next."""
    room = PIECE - NOTE
    found: list[str] = []
    for line in lines:
        for part in _cut(line, room):
            joined = f"{found[-1]}\n{part}" if found else part
            if found and len(joined.encode()) <= room:
                found[-1] = joined
            else:
                found.append(part)
    if len(found) == 1:
        return found
    return [f"({number}/{len(found)})\n{piece}" for number, piece in enumerate(found, 1)]


def _cut(line: str, room: int) -> Iterator[str]:
    part = ""
    for letter in line:
        if len((part + letter).encode()) > room:
            yield part
            part = ""
        part += letter
    yield part
