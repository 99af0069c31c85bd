"""The console in a browser, by textual-serve: one console process a browser window, drawn over a WebSocket.

Its own page asks Google for a font; ours asks nobody. Addresses are relative, so the page works by any name the
machine has, and a Content-Security-Policy holds what a test proves: no request leaves for another host.
"""

import errno
import logging
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from string import Template

from aiohttp import web
from textual_serve.server import Server
from yarl import URL

from tui.settings import Settings
from tui.texts import _

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PortTaken(Exception):
    pass


class Page(Server):
    """textual-serve with our page, without its banner, and only for windows of our own page."""

    async def on_startup(self, app: web.Application) -> None:
        """No banner: the command has said where the page is."""

    def initialize_logging(self) -> None:
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(_guard)
        return app

    async def handle_index(self, request: web.Request) -> web.Response:
        page = Template(Path(__file__).with_name("index.html").read_text(encoding="utf-8"))
        headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return web.Response(text=page.substitute(name=_("Branchfleet")), content_type="text/html", headers=headers)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page of another site may open a WebSocket to us; browsers tell us so by Origin."""
    origin = request.headers.get("Origin")
    if origin is not None and URL(origin).authority != request.host:
        raise web.HTTPForbidden(text=_("This page belongs to another site."))
    return await handler(request)


def command(settings: Settings) -> str:
    """The console's command line, as the shell textual-serve uses will read it."""
    words = [
        sys.executable,
        "-m",
        "tui",
        "--server",
        settings.server,
        *(["--ca", settings.ca] if settings.ca else []),
        "--lang",
        settings.lang,
        "--theme",
        settings.theme,
    ]
    words += ["--marks", "shapes"]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def serve(settings: Settings, host: str, port: int, ready: Callable[[], None]) -> None:
    """Serve until Ctrl+C; `ready` is called when the page can be opened."""
    served = Page(command(settings), host, port)
    served.initialize_logging()
    try:
        web.run_app(served._make_app(), host=host, port=port, print=lambda *_told: ready(), access_log=None)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise PortTaken from error
        raise
