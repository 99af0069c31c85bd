"""The home of each role: the five-second line, what is open, the worst branches, what happened last."""

from typing import Literal

from sqlalchemy import func, select
from sqlmodel import Session, col

from server.accounts.dependencies import Viewing
from server.accounts.queries import branch_codes
from server.accounts.scope import in_scope
from server.accounts.tables import Person
from server.agents.queries import standings, undecided, unenrolled
from server.campaigns.monthly import newest as newest_monthly
from server.campaigns.monthly import open_items
from server.campaigns.ticks import unanswered
from server.checks.standing import Words, branch_words, unknown_hosts
from server.health import queries as health
from server.health.rules import SILENT
from server.health.tables import Condition
from server.inventory.tables import Subject
from server.journal.queries import head_seq
from server.ledger.search import field
from server.ledger.tables import CardStatus, CardVersion
from server.places import branches
from server.places.branches import Sum
from server.places.events import newest
from server.queries import setting
from server.registers.queries import overdue
from server.schemas.agents import IdentityStanding
from server.schemas.home import Figure, Home
from server.schemas.people import Role
from server.schemas.standing import Standing
from server.storage.types import FOREVER
from server.texts import Gettext

OPEN_TICKETS = "tickets?status=new&status=accepted&status=inProgress"
PATCHES, LIBRARY = "patch-baseline", "antivirus-library-7"  # checks that homes count hosts by
NO_DATA = (Standing.STALE, Standing.UNKNOWN, Standing.NEVER)
HEARD = frozenset({Standing.GOOD, Standing.ATTENTION, Standing.CLOSED})  # of the last nothing is to be heard
Level = Literal["good", "attention", "fault", "unknown", "plain"]


def home(session: Session, viewer: Viewing, now: int) -> Home:
    added = branches.sums(session, viewer, now)
    total = Sum()
    for each in added.values():
        total.add(each)
    figures = {Role.HEAD: _head, Role.BRANCH: _branch, Role.AUDITOR: _auditor}[viewer.role]
    bank = setting(session, "bank.name", "")
    return Home(
        bank=bank,
        at=now,
        role=viewer.role,
        place=_place(session, viewer.person, bank) if viewer.role is Role.BRANCH else bank,
        figures=figures(session, viewer, total, now),
        coverage=total.coverage,
        fresh_until=total.fresh_until,
        conditions=health.gravest(session, viewer, viewer.lang, limit=50),
        branches=branches.page(session, viewer, lang=viewer.lang, now=now, limit=20, added=added).rows,
        events=newest(session, viewer, viewer.lang, now),
    )


def _place(session: Session, person: Person, bank: str) -> str:
    asked = select(col(Subject.name)).where(col(Subject.key).in_(branch_codes(session, person)))
    return "、".join(sorted(session.execute(asked).scalars())) or bank


def _head(session: Session, viewer: Viewing, total: Sum, now: int) -> list[Figure]:
    _ = viewer._
    known = total.complete
    heard = HEARD.issuperset(standings(session, viewer, now))
    return [
        _figure("devices", _("Devices"), sum(total.by.values()), "plain", "devices"),
        _count("fault", _("Faults"), total.by.get(Standing.FAULT, 0), "fault", "devices?standing=fault", known=known),
        _count("offline", _("Off line"), total.offline, "fault", "devices?standing=fault&device=offline", known=known),
        _count(
            "attention",
            _("Attention"),
            total.by.get(Standing.ATTENTION, 0),
            "attention",
            "devices?standing=attention",
            known=known,
        ),
        *_hosts(session, viewer, now),
        _no_data(viewer, total),
        _tickets(viewer, total),
        _count("lines", _("Lines down"), _open(session, viewer, "line.down"), "fault", "conditions", known=known),
        _count("agents", _("Agents not heard"), _open(session, viewer, SILENT), "fault", "agents", known=heard),
        *(one for one in _agents_to_decide(session, viewer) if one.value != "0"),
    ]


def _agents_to_decide(session: Session, viewer: Viewing) -> list[Figure]:
    """Agents that do nothing until somebody at head office does something about it."""
    _ = viewer._
    waits, nobodys = undecided(session, viewer), unenrolled(session, viewer)
    copied, new = waits[IdentityStanding.QUARANTINED], waits[IdentityStanding.WAITING]
    return [
        _count(
            "quarantined",
            _("Agents in quarantine"),
            copied,
            "fault",
            "agents?identity=quarantined",
        ),
        _count(
            "waiting",
            _("Agents to be confirmed"),
            new,
            "attention",
            "agents?identity=waiting",
        ),
        _count("unenrolled", _("Agents not enrolled"), nobodys, "attention", "agents?identity=none&identity=code"),
    ]


def _words(session: Session, viewer: Viewing, now: int, *checks: str) -> list[Words]:
    """Of all hosts this person sees, by each check."""
    counted = branch_words(session, viewer, now, checks)
    sums = dict.fromkeys(checks, Words())
    for (_, check), words in counted.items():
        sums[check] = sums[check].plus(words)
    return [sums[check] for check in checks]


def _hosts(session: Session, viewer: Viewing, now: int) -> list[Figure]:
    """Patches in three figures, and libraries that are too old. No nought of them is good: it is what was found."""
    _ = viewer._
    patches, library = _words(session, viewer, now, PATCHES, LIBRARY)
    if not patches.hosts:
        return []
    opens = f"hosts?check={PATCHES}&word="
    return [
        _found("patched", _("Patches pass"), patches.passes, "plain", f"{opens}pass"),
        _found("unpatched", _("Patches fail"), patches.fails, "fault", f"{opens}fail"),
        _found("patchesUnknown", _("Patches not known"), patches.unknown, "unknown", f"{opens}unknown"),
        Figure(
            key="library",
            title=_("Virus library old"),
            value=_with_unknown(library.fails, library, _),
            level=_library_level(library),
            opens=f"hosts?check={LIBRARY}&word=fail",
        ),
    ]


def _found(key: str, title: str, n: int, level: Level, opens: str) -> Figure:
    return _figure(key, title, n, level if n else "plain", opens)


def _libraries(session: Session, viewer: Viewing, now: int) -> list[Figure]:
    """Of a branch's hosts those whose library is as new as it should be, and how many nobody knows of."""
    _ = viewer._
    [library] = _words(session, viewer, now, LIBRARY)
    due = library.hosts - library.not_applicable
    if not due:
        return []
    value = _with_unknown(f"{library.passes}/{due}", library, _)
    title, opens = _("Virus library"), f"hosts?check={LIBRARY}"
    return [Figure(key="library", title=title, value=value, level=_library_level(library), opens=opens)]


def _with_unknown(count: int | str, library: Words, _: Gettext) -> str:
    if not library.unknown:
        return str(count)
    return _("{count} ({unknown} not known)").format(count=count, unknown=library.unknown)


def _library_level(library: Words) -> Level:
    return "fault" if library.fails else "unknown" if library.unknown else "plain"


def _unchecked(session: Session, viewer: Viewing, now: int) -> list[Figure]:
    """Hosts of which at least one check is not known."""
    n = unknown_hosts(session, viewer, now)
    return [_found("unchecked", viewer._("Hosts not checked"), n, "unknown", "hosts?word=unknown")]


def _branch(session: Session, viewer: Viewing, total: Sum, now: int) -> list[Figure]:
    _ = viewer._
    level: Level = "fault" if total.faults else "attention"
    return [
        _figure("devices", _("Devices"), sum(total.by.values()), "plain", "devices"),
        _count("conditions", _("Problems"), total.faults + total.attentions, level, "conditions", known=total.complete),
        _tickets(viewer, total),
        *_libraries(session, viewer, now),
        _no_data(viewer, total),
        *_monthly(session, viewer),
        *_unanswered(session, viewer),
    ]


def _unanswered(session: Session, viewer: Viewing) -> list[Figure]:
    """What head office asks the branch's people in an emergency."""
    count, uid = unanswered(session, viewer)
    opens = f"campaign-items/{uid}"
    return [_figure("unanswered", viewer._("To be answered"), count, "attention", opens)] if count else []


def _monthly(session: Session, viewer: Viewing) -> list[Figure]:
    """What the branch's newest monthly list has open: what fails, and apart from it what is not known."""
    campaign = newest_monthly(session, viewer)
    if campaign is None:
        return []
    _ = viewer._
    counts = open_items(session, campaign, viewer)
    fail, unknown = counts.get("fail", 0), counts.get("unknown", 0)
    value = _("{fail}, {unknown} not known").format(fail=fail, unknown=unknown) if unknown else f"{fail:,}"
    level: Level = "attention" if fail else "unknown" if unknown else "plain"
    opens = f"campaigns/{campaign.uid}"
    return [Figure(key="monthly", title=_("To mend this month"), value=value, level=level, opens=opens)]


def _auditor(session: Session, viewer: Viewing, total: Sum, now: int) -> list[Figure]:
    _ = viewer._
    current = (
        in_scope(viewer, col(CardVersion.branch_id)),
        col(CardVersion.effective_to) == FOREVER,
        col(CardVersion.known_to) == FOREVER,
    )
    counted = select(func.count()).select_from(CardVersion).where(*current)
    cards = session.execute(counted).scalar_one()
    kept = col(CardVersion.status) != CardStatus.SCRAPPED
    nobodys = session.execute(counted.where(kept, func.coalesce(field("keeper"), "") == "")).scalar_one()
    return [
        _figure("ledger", _("Machines in the ledger"), cards, "plain", "ledger"),
        _count("keeperless", _("Without a keeper"), nobodys, "attention", "ledger?keeper=none"),
        *_unchecked(session, viewer, now),
        _found("overdue", _("Findings overdue"), overdue(session, viewer, now), "fault", "security?overdue=1"),
        _no_data(viewer, total),
        _tickets(viewer, total),
        _figure("journal", _("Deeds in the journal"), head_seq(session), "plain", "journal"),
    ]


def _no_data(viewer: Viewing, total: Sum) -> Figure:
    n = sum(total.by.get(standing, 0) for standing in NO_DATA)
    opens = "devices?" + "&".join(f"standing={standing.value}" for standing in NO_DATA)
    return _count("noData", viewer._("No data"), n, "unknown", opens)


def _tickets(viewer: Viewing, total: Sum) -> Figure:
    _ = viewer._
    value = f"{total.tickets:,}"
    if total.urgent:
        value = _("{count} ({urgent} urgent)").format(count=value, urgent=total.urgent)
    level: Level = "fault" if total.urgent else "attention" if total.tickets else "good"
    return Figure(key="tickets", title=_("Open tickets"), value=value, level=level, opens=OPEN_TICKETS)


def _count(key: str, title: str, n: int, level: Level, opens: str, *, known: bool = True) -> Figure:
    """A number that should be nought. Nought is good only where it is `known` of all there is."""
    return _figure(key, title, n, level if n else "good" if known else "unknown", opens)


def _figure(key: str, title: str, n: int, level: Level, opens: str) -> Figure:
    return Figure(key=key, title=title, value=f"{n:,}", level=level, opens=opens)


def _open(session: Session, viewer: Viewing, rule: str) -> int:
    """Open conditions of one rule."""
    asked = (
        select(func.count())
        .select_from(Condition)
        .join(Subject, col(Subject.id) == col(Condition.subject_id))
        .where(in_scope(viewer, col(Subject.branch_id)), col(Condition.closed_at).is_(None))
        .where(col(Condition.rule) == rule)
    )
    counted: int = session.execute(asked).scalar_one()
    return counted
