"""For supervisors, balancers and Prometheus. Not part of the API: no person reads them and none is named in them."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from server.accounts.dependencies import ReadSession, StateOf
from server.http.problems import RESPONSES
from server.running.access import let_in
from server.running.exposition import MEDIA, text
from server.running.metrics import metrics
from server.running.ready import OK, Readiness

router = APIRouter(include_in_schema=False, responses=RESPONSES)


@router.get("/healthz")
async def healthz() -> JSONResponse:
    """The process lives: its event loop answers."""
    return JSONResponse({"alive": True})


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """Whether it can do its work; 503 when not."""
    readiness: Readiness = request.app.state.readiness
    checks = await readiness.look()
    ready = all(said == OK for said in checks.values())
    return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)


@router.get("/metrics")
def get_metrics(request: Request, state: StateOf, session: ReadSession) -> Response:
    """In Prometheus' text format."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    host = request.client.host if request.client else ""
    let_in(session, state.settings, host, token if scheme.lower() == "bearer" else "")
    return Response(text(metrics(state)), media_type=MEDIA)
