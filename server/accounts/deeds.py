"""What may be done with accounts: signing in and out, passwords, and making, disabling and resetting people."""

import re
from dataclasses import dataclass

from sqlmodel import Session, col, delete, select

from server.accounts.passwords import Passwords, one_time_password
from server.accounts.queries import branch_codes, person_by_login
from server.accounts.tables import Person, Scope, SignIn
from server.accounts.tokens import PERSON, hash_token, new_token
from server.errors import Conflict, Invalid, NotFound
from server.inventory.tables import Subject, SubjectKind
from server.journal.deeds import Act, record
from server.plain import has_controls
from server.schemas.people import PASSWORD_LEAST, Role

FAILURES = 5  # in a row, then the account is locked
LOCKED_US = 15 * 60 * 1_000_000
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True)
class SignedInAs:
    token: str
    person: Person


def locked(person: Person, now: int) -> bool:
    """A lock that ends later than one of now could is of a clock that has been set back, and is over."""
    return now < person.locked_until <= now + LOCKED_US


def sign_in(session: Session, act: Act, person: Person, *, fits: bool, hours: int) -> SignedInAs | None:
    """Count what came of a password check made before; None if there is no entry, for whatever reason.

    The caller commits either way: a failure that is rolled back is not counted.
    """
    now = act.now
    if locked(person, now) or person.disabled_at is not None:
        return None
    if not fits:
        person.failed += 1
        record(session, act, deed="person.sign-in-failed", about=f"person:{person.login}")
        if person.failed >= FAILURES:
            person.failed = 0
            person.locked_until = now + LOCKED_US
            record(session, act, deed="person.locked", about=f"person:{person.login}", after=person.locked_until)
        session.add(person)
        return None
    person.failed = 0
    session.add(person)
    session.exec(delete(SignIn).where(col(SignIn.expires_at) <= now))
    token = new_token(PERSON)
    expires = now + hours * 3_600_000_000
    session.add(SignIn(token_hash=hash_token(token), person_id=person.id or 0, created_at=now, expires_at=expires))
    record(session, act, deed="person.sign-in", about=f"person:{person.login}")
    return SignedInAs(token, person)


def sign_out(session: Session, act: Act, token_hash: str) -> None:
    session.exec(delete(SignIn).where(col(SignIn.token_hash) == token_hash))
    record(session, act, deed="person.sign-out", about=f"person:{act.actor}")


def change_password(
    session: Session, act: Act, known: Person, new: str, passwords: Passwords, keep: str | None = None
) -> None:
    """The person's own choice. Every other sign-in of theirs ends; `keep` is the token hash of this one.

    `known` is the person as read before: the slow hashing is done before `session` takes its turn to write.
    """
    if len(new) < PASSWORD_LEAST:
        raise Invalid("The password is too short: {least} characters at least.", least=PASSWORD_LEAST)
    if new.casefold() == known.login.casefold() or passwords.check(known.password_hash, new):
        raise Invalid("The new password must be neither the login nor the old password.")
    hashed = passwords.hash(new)
    person = session.get_one(Person, known.id)
    person.password_hash = hashed
    person.must_change = False
    session.add(person)
    session.exec(delete(SignIn).where(col(SignIn.person_id) == person.id, col(SignIn.token_hash) != (keep or "")))
    record(session, act, deed="person.password", about=f"person:{person.login}")


def add_person(
    session: Session, act: Act, passwords: Passwords, *, login: str, name: str, role: Role, branches: list[str]
) -> str:
    """A new account; gives its one-time password, which is kept nowhere."""
    if not _LOGIN.fullmatch(login):
        raise Invalid("{login} is not a login: use small letters, digits, '.', '_' and '-'.", login=login)
    if not name.strip() or len(name) > 80:
        raise Invalid("A person needs a name of 1 to 80 characters.")
    if has_controls(name):  # it would give orders to every terminal it is shown on
        raise Invalid("The name holds a control character.")
    if person_by_login(session, login) is not None:
        raise Conflict("There is already a person with the login {login}.", login=login)
    if (role is Role.BRANCH) != bool(branches):
        raise Invalid("The role branch needs one branch at least, and the other roles see all branches.")
    password = one_time_password()
    person = Person(login=login, name=name, role=role, password_hash=passwords.hash(password), must_change=True)
    session.add(person)
    session.flush()
    for code in sorted(set(branches)):
        session.add(Scope(person_id=person.id or 0, branch_id=_branch(session, code)))
    after = {"login": login, "name": name, "role": role.value, "branches": sorted(set(branches))}
    record(session, act, deed="person.add", about=f"person:{login}", after=after)
    return password


def reset_password(session: Session, act: Act, passwords: Passwords, login: str) -> str:
    """A new one-time password; unlocks, and ends every sign-in of theirs."""
    person = _person(session, login)
    password = one_time_password()
    person.password_hash = passwords.hash(password)
    person.must_change = True
    person.failed = person.locked_until = 0
    session.add(person)
    session.exec(delete(SignIn).where(col(SignIn.person_id) == person.id))
    record(session, act, deed="person.reset", about=f"person:{login}")
    return password


def disable_person(session: Session, act: Act, login: str) -> None:
    """The account stays, for the journal's sake, and can do nothing any more."""
    person = _person(session, login)
    if person.disabled_at is not None:
        return
    last = select(Person).where(Person.role == Role.HEAD, col(Person.disabled_at).is_(None), Person.id != person.id)
    if person.role is Role.HEAD and session.exec(last).first() is None:
        raise Conflict("{login} is the last one of the head office's role: add another first.", login=login)
    before = {"role": person.role.value, "branches": branch_codes(session, person)}
    person.disabled_at = act.now
    session.add(person)
    session.exec(delete(SignIn).where(col(SignIn.person_id) == person.id))
    record(session, act, deed="person.disable", about=f"person:{login}", before=before)


def _person(session: Session, login: str) -> Person:
    person = person_by_login(session, login)
    if person is None:
        raise NotFound("There is no person with the login {login}.", login=login)
    return person


def _branch(session: Session, code: str) -> int:
    found = session.exec(
        select(Subject.id).where(
            Subject.kind == SubjectKind.BRANCH, Subject.key == code, col(Subject.removed_at).is_(None)
        )
    ).first()
    if found is None:
        raise NotFound("There is no branch {code}.", code=code)
    return found
