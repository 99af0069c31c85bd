"""What branches entered while the server was away, for people."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.accounts.dependencies import ActNow, Clock, OfBranch, Offset, ReadSession, Viewer, WriteSession
from server.entries import deeds, queries
from server.schemas.entries import AnswerCreate, AnswerOut, EntryPage

router = APIRouter(prefix="/api/entries", tags=["entries"])


@router.get("", summary="What branches entered while the server was away, newest first")
def list_entries(
    viewer: Viewer,
    session: ReadSession,
    now: Clock,
    branch: OfBranch,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> EntryPage:
    return queries.page(session, viewer, now=now(), branch=branch, subject=subject, offset=offset, limit=limit)


@router.post("/answers", status_code=201, summary="What was said on the telephone of a branch that is silent")
def tell(viewer: Viewer, session: WriteSession, act: ActNow, ask: AnswerCreate) -> AnswerOut:
    row = deeds.answer(session, act, viewer, branch=ask.branch, said=ask.answer, text=ask.text)
    hint = queries.not_shown(session, row.branch_id, viewer.lang)
    return AnswerOut(branch=ask.branch, answer=row.answer, at=row.at, who=row.who, hint=hint)
