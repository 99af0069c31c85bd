"""Which subjects are hosts: the PCs of agents, and positions that tell facts, by their driver or because they did."""

from typing import Final

from sqlalchemy import ColumnElement, Text, and_, or_, select, type_coerce
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from agent.inventory.hosts import SNMP, SNMP_HOST, SNMP_HOSTS, TELL_FACTS, TELL_NOTHING
from server.facts.tables import FactSheet
from server.inventory.tables import Position, Subject, SubjectKind

OF_OTHERS: Final = ("neighbours", "stations")  # topics by which a switch tells of others: it is no host for that


def are_hosts(subject: type[Subject] = Subject) -> ColumnElement[bool]:
    """That a row of subjects is a host, and still there."""
    agent = col(subject.kind) == SubjectKind.AGENT
    return and_(or_(agent, tell_facts(subject)), col(subject.removed_at).is_(None))


def is_host(session: Session, own: int) -> bool:
    return session.execute(select(col(Subject.id)).where(col(Subject.id) == own, are_hosts())).first() is not None


def may_tell(session: Session, own: int, topic: str) -> bool:
    """Whether facts said of a subject are kept: not of a printer, say, which would count as a host by that."""
    position = session.get(Position, own)
    if position is None or topic in OF_OTHERS:
        return True
    if position.driver == SNMP:
        return position.options.get("profile", "auto") in SNMP_HOSTS
    return position.driver not in TELL_NOTHING


def may_be_hosts(subject: type[Subject] = Subject) -> ColumnElement[bool]:
    """That it is a position that tells facts, or one that `snmp` reads: nobody knows what that is before it told."""
    position = aliased(Position)
    snmp = select(col(position.id)).where(col(position.id) == col(subject.id), col(position.driver) == SNMP)
    return or_(tell_facts(subject), snmp.exists())


def tell_facts(subject: type[Subject] = Subject) -> ColumnElement[bool]:
    """That it is a position that tells facts. A third party's driver, and `snmp` with a profile that does not say that
    it is a host, are known for it once they told some; of one that tells nothing of itself, what somebody said once
    makes no host."""
    position = aliased(Position)
    of_driver = select(col(position.id)).where(col(position.id) == col(subject.id))
    options = type_coerce(col(position.options), Text)  # which is JSON as the column writes it
    named = and_(col(position.driver) == SNMP, options.contains(f'"profile": "{SNMP_HOST}"', autoescape=True))
    by_driver = of_driver.where(or_(col(position.driver).in_(TELL_FACTS), named))
    told = of_driver.join(FactSheet, col(FactSheet.subject_id) == col(position.id)).where(
        col(position.driver).not_in(TELL_NOTHING - {SNMP}), col(FactSheet.topic).not_in(OF_OTHERS)
    )
    return and_(col(subject.kind) == SubjectKind.POSITION, or_(by_driver.exists(), told.exists()))
