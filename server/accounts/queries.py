"""What is asked of people and their scope."""

from sqlmodel import Session, col, select

from server.accounts.tables import Person, Scope
from server.inventory.tables import Subject
from server.schemas.people import PersonOut


def person_by_login(session: Session, login: str) -> Person | None:
    return session.exec(select(Person).where(Person.login == login)).first()


def people(session: Session) -> list[Person]:
    return list(session.exec(select(Person).order_by(Person.login)).all())


def branch_codes(session: Session, person: Person) -> list[str]:
    """The codes of the branches given to a person, without those below them."""
    asked = select(Subject.key).join(Scope, col(Scope.branch_id) == col(Subject.id))
    return sorted(session.exec(asked.where(Scope.person_id == person.id)).all())


def person_out(session: Session, person: Person) -> PersonOut:
    return PersonOut(
        login=person.login,
        name=person.name,
        role=person.role,
        branches=branch_codes(session, person),
        must_change=person.must_change,
    )
