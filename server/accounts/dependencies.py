"""What a route asks for: who is asking, a session to read or write with, and the act the journal will name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session

from server.accounts.scope import branches_of, known_branch
from server.accounts.tables import Person, SignIn
from server.accounts.tokens import hash_token
from server.errors import Forbidden, Unauthorized
from server.journal.deeds import Act
from server.schemas.people import Role
from server.state import State
from server.storage.types import Now
from server.texts import Gettext, gettext_for, language_of

_bearer = HTTPBearer(auto_error=False, description='A person\'s token, "bfs_...", from POST /api/sign-in.')


# What only looks is async: FastAPI sends every plain function to a thread, which costs more than the look.


async def state_of(request: Request) -> State:
    state: State = request.app.state.branchfleet
    return state


StateOf = Annotated[State, Depends(state_of)]


async def _now(state: StateOf) -> Now:
    return state.now


async def _came(state: StateOf) -> int:
    return state.now()


def _read(state: StateOf) -> Iterator[Session]:
    with state.database.read() as session:
        yield session


def _write(state: StateOf) -> Iterator[Session]:
    with state.database.write() as session:
        yield session


async def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language"))


Clock = Annotated[Now, Depends(_now)]
Came = Annotated[int, Depends(_came)]  # when the request came, if it is a route's first parameter: they are met in turn
# scope="function": committed, or refused, before the answer is sent
ReadSession = Annotated[Session, Depends(_read, scope="function")]
WriteSession = Annotated[Session, Depends(_write, scope="function")]
# rows of a list to leave out; no list is longer, and no database counts further than 64 bits
Offset = Annotated[int, Query(ge=0, lt=1 << 31)]
Language = Annotated[str, Depends(_language)]


@dataclass(frozen=True)
class Viewing:
    """A person who is signed in. `branch_ids` is None for all branches."""

    person: Person
    branch_ids: frozenset[int] | None
    lang: str
    _: Gettext
    token_hash: str

    @property
    def role(self) -> Role:
        return self.person.role


def _signed_in(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    session: ReadSession,
    lang: Language,
    now: Clock,
) -> Viewing:
    token_hash = hash_token(bearer.credentials if bearer else "")
    signed_in = session.get(SignIn, token_hash)
    person = session.get(Person, signed_in.person_id) if signed_in and signed_in.expires_at > now() else None
    if person is None or person.disabled_at is not None:
        raise Unauthorized("You are not signed in, or the sign-in has expired. Sign in again.")
    return Viewing(person, branches_of(session, person), lang, gettext_for(lang), token_hash)


SignedIn = Annotated[Viewing, Depends(_signed_in)]


async def _viewer(viewing: SignedIn) -> Viewing:
    if viewing.person.must_change:
        raise Forbidden("Your password was given by somebody else: choose one of your own first.")
    return viewing


Viewer = Annotated[Viewing, Depends(_viewer)]


async def _act(viewer: SignedIn, now: Clock, request: Request) -> Act:
    via = "console" if request.headers.get("user-agent", "").startswith("branchfleet") else "api"
    return Act(actor=viewer.person.login, via=via, now=now())


ActNow = Annotated[Act, Depends(_act)]


def require(*roles: Role) -> Any:
    """`dependencies=[require(Role.HEAD)]`: 403 for every other role."""

    async def check(viewer: Viewer) -> None:
        if viewer.role not in roles:
            raise Forbidden("Your role may not do this.")

    return Depends(check)


def _of_branch(
    viewer: Viewer, session: ReadSession, branch: Annotated[str | None, Query(max_length=64)] = None
) -> str | None:
    """A branch that lists are asked for of, if any; 404 if there is none of that code."""
    known_branch(session, viewer, branch)
    return branch


OfBranch = Annotated[str | None, Depends(_of_branch)]
