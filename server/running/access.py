"""Who may read the metrics: a token of their own, and by default whoever asks from the machine itself."""

import ipaddress

from sqlmodel import Session

from server.accounts.tokens import METRICS, hash_token, new_token
from server.errors import NotFound, Unauthorized
from server.inventory.tables import Setting
from server.journal.deeds import Act, record
from server.queries import setting
from server.settings import Settings

TOKEN = "metrics.token"  # noqa: S105  (where its digest is kept)


def issue_metrics_token(session: Session, act: Act) -> str:
    """A new token; the one before is worth nothing any more. It is kept nowhere in the clear."""
    token = new_token(METRICS)
    session.merge(Setting(key=TOKEN, value=hash_token(token)))
    record(session, act, deed="metrics.token", about="server")
    return token


def let_in(session: Session, settings: Settings, host: str, token: str) -> None:
    """NotFound if the metrics are off, Unauthorized for whoever may not read them."""
    if settings.metrics == "off":
        raise NotFound("There is no such thing.")
    if settings.metrics == "loopback" and not token and _is_here(host):
        return
    if not token or hash_token(token) != setting(session, TOKEN, ""):
        raise Unauthorized("The metrics are read with a token of their own: `branchfleet-server metrics token`.")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
