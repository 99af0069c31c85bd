"""`branchfleet-server metrics`: who may read the figures."""

import typer

from server.command import HomeOption, act, changing, told_or
from server.running.access import issue_metrics_token

metrics = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Figures for Prometheus.")


@metrics.command("token")
def metrics_token(home: HomeOption = None) -> None:
    """Print a new token to read /metrics with, once; an earlier one stops working.

    Example: branchfleet-server metrics token > /etc/prometheus/branchfleet.token
    """
    with changing(home) as (_home, session, _):
        token = issue_metrics_token(session, act())
    with told_or("branchfleet-server metrics token", _):
        print(token)
