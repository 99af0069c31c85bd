"""What agents ask for, and the list of agents for people."""

import msgspec
from fastapi import APIRouter, Response

from agent.wire import Assignment
from server.accounts.dependencies import ActNow, Came, Clock, ReadSession, StateOf, Viewer, WriteSession, require
from server.agents import deeds, queries
from server.agents.assignment import assignment_of
from server.agents.dependencies import AgentCaller
from server.errors import Unavailable
from server.http.answers import Accepted, agent_answer, answer
from server.schemas.agents import AgentCodeCreate, AgentCodeOut, AgentOut, AgentStep
from server.schemas.people import Role

router = APIRouter(prefix="/api", tags=["agents"])


@router.get(
    "/agent/assignment", summary="What an agent is to poll", response_class=Response, responses=agent_answer(Assignment)
)
def get_assignment(
    came: Came, agent: AgentCaller, state: StateOf, session: ReadSession, now: Clock, media: Accepted
) -> Response:
    """With secrets filled in: the agent keeps it in a file only its own user may read."""
    assigned = assignment_of(session, state.key, agent.id, agent.key)
    return answer(msgspec.structs.replace(assigned, came=came, server=now()), media)


@router.get("/agents", summary="The agents and when they were last heard of")
def list_agents(viewer: Viewer, session: ReadSession, now: Clock) -> list[AgentOut]:
    return queries.agents(session, viewer, viewer.lang, now())


@router.post(
    "/agents/{key}/code", status_code=201, summary="A one-time code for an agent", dependencies=[require(Role.HEAD)]
)
def make_code(
    key: str, viewer: Viewer, state: StateOf, session: WriteSession, act: ActNow, ask: AgentCodeCreate
) -> AgentCodeOut:
    """Told once. An earlier code of this agent that is still open is withdrawn."""
    if state.key is None:
        raise Unavailable("This server runs without a key of its own: it can keep no codes.")
    branch = queries.agent(session, viewer, viewer.lang, key, act.now).branch
    code, agent, until = deeds.make_code(session, act, state.key, branch, key, ask.hours)
    return AgentCodeOut(agent=agent, code=str(code), until=until, addresses=state.addresses())


@router.post(
    "/agents/{key}/step",
    summary="Confirm, withdraw, revoke, release, or ask for a fresh key",
    dependencies=[require(Role.HEAD)],
)
def take_agent_step(key: str, viewer: Viewer, session: WriteSession, act: ActNow, ask: AgentStep) -> AgentOut:
    """confirm: the key that waits takes the place of the one there is. withdraw: neither it nor an open code counts.
    revoke: nobody speaks as this agent. release: a quarantine ends. rotate: the agent makes a fresh key."""
    if ask.step == "revoke":
        deeds.revoke(session, act, key, ask.reason)
    else:
        steps = {
            "confirm": deeds.confirm,
            "withdraw": deeds.withdraw,
            "release": deeds.release,
            "rotate": deeds.ask_rotation,
        }
        steps[ask.step](session, act, key)
    return queries.agent(session, viewer, viewer.lang, key, act.now)
