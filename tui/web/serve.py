"""The console in a browser, by textual-serve: one console process a browser window, drawn over a WebSocket.

Its own page asks Google for a font; ours asks nobody. Addresses are relative, so the page works by any name the
machine has, and a Content-Security-Policy holds what a test proves: no request leaves for another host.
"""

import errno
import logging
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.server import Server

from tui.plain import plain
from tui.settings import Settings
from tui.texts import _
from tui.web.names import Names

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
WINDOWS_END = 2.0  # seconds Ctrl+C waits for open windows; aiohttp's own minute is long for a person


class CannotListen(Exception):
    """At that address; the message is one sentence."""


class PortTaken(CannotListen):
    pass


class Page(Server):
    """textual-serve with our page, without its banner, and only for windows of our own page under our own names."""

    def __init__(self, command: str, host: str, port: int, names: Names) -> None:
        super().__init__(command, host, port)
        self._names = names

    async def on_startup(self, app: web.Application) -> None:
        """No banner: the command has said where the page is."""

    def initialize_logging(self) -> None:
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(_guard(self._names))
        return app

    async def handle_index(self, request: web.Request) -> web.Response:
        page = Template(Path(__file__).with_name("index.html").read_text(encoding="utf-8"))
        headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return web.Response(text=page.substitute(name=_("Branchfleet")), content_type="text/html", headers=headers)


def _guard(names: Names) -> Middleware:
    """Lets nobody in but browsers that opened our page, by a name that is ours."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        said = request.headers.getall("Host", [""])
        arrived = request.transport.get_extra_info("sockname") if request.transport is not None else None
        if len(said) != 1 or not arrived or not names.ours(said[0], arrived[0]):
            told = _("This console is not called {host}. If it is to be, start it with: branchfleet web --name {host}")
            raise web.HTTPForbidden(text=told.format(host=plain(said[0])[:253]))
        # A page of another site may open a WebSocket to us; browsers tell us so by Origin.
        origin = request.headers.get("Origin")
        if origin is None and request.path != "/ws":
            return await handler(request)
        # Browsers write both alike, and leave the port of http or https out of both.
        if origin is None or origin.partition("://")[2].lower() != said[0].lower():
            raise web.HTTPForbidden(text=_("This page belongs to another site."))
        return await handler(request)

    return guard


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


def serve(settings: Settings, host: str, port: int, names: Sequence[str], ready: Callable[[], None]) -> None:
    """Serve until Ctrl+C; `ready` is called when the page can be opened. Raises CannotListen."""
    served = Page(command(settings), host, port, Names(host, names))
    served.initialize_logging()
    try:
        web.run_app(
            served._make_app(),
            host=host,
            port=port,
            print=lambda *_told: ready(),
            access_log=None,
            shutdown_timeout=WINDOWS_END,
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(_("Port {port} is in use; choose another with --port.").format(port=port)) from error
        if error.errno == errno.EACCES:
            told = _("You may not use port {port}; choose one above 1023 with --port.")
            raise CannotListen(told.format(port=port)) from error
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            told = _("{host} is no address of this machine; --host 0.0.0.0 means all it has.")
            raise CannotListen(told.format(host=plain(host))) from error
        raise
