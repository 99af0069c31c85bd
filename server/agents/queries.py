"""The agents in a person's scope, and how they are."""

from collections import Counter
from typing import Any

import msgspec
from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from agent.proof import fingerprint
from server.accounts.scope import Scoped, in_scope
from server.agents.codes import CodeStanding
from server.agents.codes import standing_of as code_standing
from server.agents.tables import AgentCode, AgentIdentity, AgentInstance, AgentKey, AgentToken, KeptOut, KeyStanding
from server.errors import NotFound
from server.health import queries as health
from server.health.clocks import Stamp
from server.health.standing import AGELESS
from server.health.state import State
from server.health.tables import HealthRow
from server.ingest.tables import AgentSeen
from server.inventory.tables import Observer, Subject, SubjectKind
from server.schemas.agents import AgentOut, IdentityStanding, SpeakerOut
from server.schemas.standing import Standing

UNDECIDED = (IdentityStanding.QUARANTINED, IdentityStanding.WAITING)
PROGRAMS = 2  # shown of an agent in quarantine


class Identities:
    """Who may speak as each of the agents whose ids `ids` selects."""

    def __init__(self, session: Session, ids: Select[Any], now: int) -> None:
        codes = session.execute(select(AgentCode).where(col(AgentCode.agent_id).in_(ids))).scalars()
        self._codes = {code.agent_id: code for code in codes if code_standing(code, now) is CodeStanding.OPEN}
        rows = session.execute(select(AgentIdentity).where(col(AgentIdentity.agent_id).in_(ids))).scalars()
        self._identities = {row.agent_id: row for row in rows}
        keys = select(AgentKey).where(col(AgentKey.standing).in_((KeyStanding.GOOD, KeyStanding.WAITING)))
        self._keys: dict[int, list[AgentKey]] = {}
        for key in session.execute(keys.where(col(AgentKey.agent_id).in_(ids)).order_by(AgentKey.standing)).scalars():
            self._keys.setdefault(key.agent_id, []).append(key)
        self._admitted = Admitted(session, ids, now)
        self._instances: dict[int, list[AgentInstance]] = {}
        held_off = select(col(AgentIdentity.agent_id)).where(col(AgentIdentity.quarantined_at).is_not(None))
        # one that another took the place of has ended; only in a quarantine is that the question
        shown = col(AgentInstance.superseded_at).is_(None) | col(AgentInstance.agent_id).in_(held_off)
        spoke = select(AgentInstance).where(col(AgentInstance.agent_id).in_(ids), shown)
        for one in session.execute(spoke.order_by(col(AgentInstance.asked_at).desc())).scalars():
            self._instances.setdefault(one.agent_id, []).append(one)

    def standing(self, agent_id: int) -> IdentityStanding:
        identity = self._identities.get(agent_id)
        keys = {key.standing for key in self._keys.get(agent_id, [])}
        if identity and identity.quarantined_at is not None:
            return IdentityStanding.QUARANTINED
        if KeyStanding.WAITING in keys:
            return IdentityStanding.WAITING
        if KeyStanding.GOOD in keys:
            return IdentityStanding.ENROLLED
        if agent_id in self._codes:
            return IdentityStanding.CODE
        return IdentityStanding.REVOKED if identity and identity.revoked_at is not None else IdentityStanding.NONE

    def judged(self, agent_id: int, health: HealthRow | None, now: int) -> Standing:
        """How an agent stands."""
        return self._admitted.judged(agent_id, standing_of(health, now))

    def code_until(self, agent_id: int) -> int | None:
        code = self._codes.get(agent_id)
        return code.expires_at if code else None

    def speakers(self, agent_id: int) -> list[SpeakerOut]:
        keys = [
            SpeakerOut(
                what="key" if key.standing is KeyStanding.GOOD else "waiting",
                at=key.made_at,
                host=key.host,
                system=key.system,
                address=key.address,
                fingerprint=fingerprint(bytes.fromhex(key.public_key)),
            )
            for key in self._keys.get(agent_id, [])
        ]
        programs = [
            SpeakerOut(
                what="program", at=one.asked_at, host=one.host, system=one.system, address=one.address, fingerprint=""
            )
            for one in self._instances.get(agent_id, [])[:PROGRAMS]
        ]
        return keys + programs


def agents(session: Session, viewer: Scoped, lang: str, now: int, key: str | None = None) -> list[AgentOut]:
    """By key, or the one of that key. What health has not judged for too long reads as stale."""
    wanted = [col(Subject.kind) == SubjectKind.AGENT, col(Subject.removed_at).is_(None)]
    wanted += [in_scope(viewer, col(Subject.branch_id)), *([col(Subject.key) == key] if key is not None else [])]
    polled = (
        select(col(Observer.agent_id).label("agent_id"), func.count().label("n"))
        .join(Subject, col(Subject.id) == col(Observer.subject_id))
        .where(col(Subject.removed_at).is_(None))
        .group_by(col(Observer.agent_id))
        .subquery()
    )
    home = select(col(Subject.id).label("id"), col(Subject.key).label("code")).subquery()
    rows = session.execute(
        select(Subject, home.c.code, AgentSeen, HealthRow, func.coalesce(polled.c.n, 0))
        .join(home, home.c.id == col(Subject.branch_id))
        .join(AgentSeen, col(AgentSeen.agent_id) == col(Subject.id), isouter=True)
        .join(HealthRow, col(HealthRow.subject_id) == col(Subject.id), isouter=True)
        .join(polled, polled.c.agent_id == col(Subject.id), isouter=True)
        .where(*wanted)
        .order_by(col(Subject.key))
    ).all()
    identities = Identities(session, select(col(Subject.id)).where(*wanted), now)
    problems = health.of_agents(session, viewer, lang, key)
    return [
        AgentOut(
            key=subject.key,
            name=subject.name,
            branch=code,
            standing=identities.judged(subject.id or 0, row, now),
            fresh_until=row.fresh_until if row else None,
            seen_at=seen.at if seen else None,
            version=seen.version if seen else "",
            waiting=seen.waiting if seen else 0,
            positions=positions,
            identity=identities.standing(subject.id or 0),
            code_until=identities.code_until(subject.id or 0),
            speakers=identities.speakers(subject.id or 0),
            clock_off=stamp.off if (stamp := _stamp(row)) else None,
            clock_unsure=stamp.confidence if stamp else None,
            problems=problems.get(subject.id or 0, []),
        )
        for subject, code, seen, row, positions in rows
    ]


def standings(session: Session, viewer: Scoped, now: int) -> Counter[Standing]:
    """How many agents stand how. A province has thousands: by columns, and nothing is kept of any."""
    wanted = [col(Subject.kind) == SubjectKind.AGENT, col(Subject.removed_at).is_(None)]
    wanted.append(in_scope(viewer, col(Subject.branch_id)))
    asked = (
        select(col(Subject.id), col(HealthRow.standing), col(HealthRow.fresh_until))
        .join(HealthRow, col(HealthRow.subject_id) == col(Subject.id), isouter=True)
        .where(*wanted)
    )
    admitted = Admitted(session, select(col(Subject.id)).where(*wanted), now)
    return Counter(admitted.judged(own, read(said, until, now)) for own, said, until in session.execute(asked))


class Admitted:
    """Of the agents whose ids `ids` selects: who is let in, who is held off, and whose place another PC wants."""

    def __init__(self, session: Session, ids: Select[Any], now: int) -> None:
        tokens = select(col(AgentToken.agent_id)).where(col(AgentToken.expires_at) > now)
        self._let_in = set(session.execute(tokens.where(col(AgentToken.agent_id).in_(ids))).scalars())
        off = select(col(AgentIdentity.agent_id)).where(col(AgentIdentity.quarantined_at).is_not(None))
        self._held_off = set(session.execute(off.where(col(AgentIdentity.agent_id).in_(ids))).scalars())
        waits = select(col(AgentKey.agent_id)).where(col(AgentKey.standing) == KeyStanding.WAITING)
        self._wanted = set(session.execute(waits.where(col(AgentKey.agent_id).in_(ids))).scalars()) - self._held_off

    def judged(self, agent_id: int, seen: Standing) -> Standing:
        """How an agent stands. What health saw of one at work holds only while the server takes what it sends."""
        if seen not in (Standing.GOOD, Standing.ATTENTION):
            return seen
        if agent_id not in self._let_in:
            return Standing.FAULT if agent_id in self._held_off else Standing.UNKNOWN
        return Standing.ATTENTION if agent_id in self._wanted else seen


def unenrolled(session: Session, viewer: Scoped) -> int:
    """How many agents no PC ever was, or is since its key was removed: nothing is polled by them, and nobody can miss
    what was never heard. Of one that was revoked a person decided so."""
    keys = select(col(AgentKey.agent_id)).where(col(AgentKey.standing).in_((KeyStanding.GOOD, KeyStanding.WAITING)))
    revoked = select(col(AgentIdentity.agent_id)).where(col(AgentIdentity.revoked_at).is_not(None))
    asked = (
        select(func.count())
        .select_from(Subject)
        .where(col(Subject.kind) == SubjectKind.AGENT, col(Subject.removed_at).is_(None))
        .where(in_scope(viewer, col(Subject.branch_id)))
        .where(col(Subject.id).not_in(keys), col(Subject.id).not_in(revoked))
    )
    counted: int = session.execute(asked).scalar_one()
    return counted


def undecided(session: Session, viewer: Scoped) -> Counter[IdentityStanding]:
    """How many agents wait for a person: another PC is to be confirmed, or two spoke as one."""
    asked = (
        select(col(KeptOut.why), func.count())
        .join(Subject, col(Subject.id) == col(KeptOut.agent_id))
        .where(col(KeptOut.end).is_(None), col(KeptOut.why).in_(UNDECIDED))
        .where(col(Subject.removed_at).is_(None), in_scope(viewer, col(Subject.branch_id)))
        .group_by(col(KeptOut.why))
    )
    return Counter({why: n for why, n in session.execute(asked).all()})  # noqa: C416 - rows are no pairs to mypy


def barred(session: Session, agents: Select[Any], now: int) -> dict[int, IdentityStanding]:
    """Of the agents whose ids `agents` selects, those nobody may speak as now: what is sent to them waits in vain."""
    tokens = select(col(AgentToken.agent_id)).where(col(AgentToken.expires_at) > now)
    speaking = set(session.execute(tokens.where(col(AgentToken.agent_id).in_(agents))).scalars())
    off = dict.fromkeys(session.execute(agents).scalars(), IdentityStanding.NONE)
    identity = select(col(AgentIdentity.agent_id), col(AgentIdentity.quarantined_at), col(AgentIdentity.revoked_at))
    for own, quarantined, revoked in session.execute(identity.where(col(AgentIdentity.agent_id).in_(agents))):
        if quarantined is not None:
            off[own] = IdentityStanding.QUARANTINED
        elif revoked is not None:
            off[own] = IdentityStanding.REVOKED
    held = (KeyStanding.GOOD, KeyStanding.WAITING)
    keys = select(col(AgentKey.agent_id), col(AgentKey.standing)).where(col(AgentKey.standing).in_(held))
    for own, standing in session.execute(keys.where(col(AgentKey.agent_id).in_(agents))):
        if standing is KeyStanding.GOOD:
            speaking.add(own)
        elif off[own] is not IdentityStanding.QUARANTINED:
            off[own] = IdentityStanding.WAITING
    return {own: why for own, why in off.items() if own not in speaking or why is IdentityStanding.QUARANTINED}


def strangers_to(session: Session, authority: str) -> list[str]:
    """Keys of enrolled agents that did not say yet that they trust the CA of this print."""
    asked = (
        select(col(Subject.key))
        .join(AgentKey, col(AgentKey.agent_id) == col(Subject.id))
        .join(AgentIdentity, col(AgentIdentity.agent_id) == col(Subject.id), isouter=True)
        .where(col(AgentKey.standing) == KeyStanding.GOOD, col(Subject.removed_at).is_(None))
        .where(func.coalesce(AgentIdentity.trusts, "").not_like(f"%{authority}%"))
        .order_by(col(Subject.key))
    )
    return list(session.execute(asked).scalars())


def agent(session: Session, viewer: Scoped, lang: str, key: str, now: int) -> AgentOut:
    found = agents(session, viewer, lang, now, key)
    if not found:
        raise NotFound("There is no agent {key}: the inventory names the agents.", key=key)
    return found[0]


def _stamp(row: HealthRow | None) -> Stamp | None:
    """The clocks of the newest record health judged."""
    return msgspec.convert(row.state, State).stamp if row is not None else None


def standing_of(health: HealthRow | None, now: int) -> Standing:
    return read(health.standing, health.fresh_until, now) if health else Standing.NEVER


def read(judged: Standing | None, fresh_until: int | None, now: int) -> Standing:
    """What health found, as of `now`; None where it never did."""
    if judged is None:
        return Standing.NEVER
    return Standing.STALE if judged not in AGELESS and (fresh_until or 0) < now else judged
