"""What agents ask for, and the list of agents for people."""

import msgspec
from fastapi import APIRouter, Response

from agent.wire import Assignment
from server.accounts.dependencies import Came, Clock, ReadSession, StateOf, Viewer
from server.agents.assignment import assignment_of
from server.agents.dependencies import AgentCaller
from server.agents.queries import agents
from server.answers import Accepted, agent_answer, answer
from server.schemas import AgentOut

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
    return agents(session, viewer, now())
