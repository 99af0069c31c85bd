"""Signing in and out, the own password, and who one is."""

from fastapi import APIRouter, Request

from server.accounts import deeds
from server.accounts.dependencies import ActNow, Clock, ReadSession, SignedIn, StateOf, WriteSession
from server.accounts.queries import person_by_login, person_out
from server.accounts.tables import Person
from server.errors import Invalid, Unauthorized
from server.journal.deeds import Act
from server.schemas.people import PasswordChange, PersonOut, SignInAsk, SignInOut

router = APIRouter(prefix="/api", tags=["accounts"])

NO_ENTRY = "The login or the password is wrong, or the account is locked: five failures lock it for 15 minutes."


@router.post("/sign-in", summary="Sign in")
def sign_in(ask: SignInAsk, state: StateOf, now: Clock, request: Request) -> SignInOut:
    """Give a token for the `Authorization: Bearer` of every other request.

    One sentence answers every failure, after the same time, so nobody learns which logins exist.
    """
    login = ask.login.strip().lower()
    with state.database.read() as session:
        known = person_by_login(session, login)
    # outside every transaction: hashing is slow on purpose, and nobody shall wait for it with the database locked
    fits = state.passwords.check(known.password_hash if known else None, ask.password)
    if known is None:
        raise Unauthorized(NO_ENTRY)
    via = "console" if request.headers.get("user-agent", "").startswith("branchfleet") else "api"
    with state.database.write() as session:
        person = session.get_one(Person, known.id)
        unchanged = person.password_hash == known.password_hash
        act = Act(actor=person.login, via=via, now=now())
        entry = deeds.sign_in(session, act, person, fits=fits and unchanged, hours=state.settings.session_hours)
        answer = SignInOut(token=entry.token, person=person_out(session, entry.person)) if entry else None
    if answer is None:
        raise Unauthorized(NO_ENTRY)
    return answer


@router.delete("/sign-in", status_code=204, summary="Sign out")
def sign_out(viewer: SignedIn, session: WriteSession, act: ActNow) -> None:
    """The token of this request is worth nothing any more."""
    deeds.sign_out(session, act, viewer.token_hash)


@router.post("/password", status_code=204, summary="Change the own password")
def change_password(
    change: PasswordChange, viewer: SignedIn, state: StateOf, session: WriteSession, act: ActNow
) -> None:
    """Every other sign-in of this person ends."""
    if not state.passwords.check(viewer.person.password_hash, change.old):
        raise Invalid("The old password is wrong.")
    deeds.change_password(session, act, viewer.person, change.new, state.passwords, keep=viewer.token_hash)


@router.get("/me", summary="Who is signed in")
def me(viewer: SignedIn, session: ReadSession) -> PersonOut:
    return person_out(session, viewer.person)
