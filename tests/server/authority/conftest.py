"""A server that answers over real TLS, with whatever certificate a test gives it."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answering = Callable[[ssl.SSLContext], AbstractContextManager[tuple[str, list[bytes]]]]


@pytest.fixture
def answering() -> Answering:
    """`with answering(context) as (url, heard)`: everything a client sent after its handshake is in `heard`."""

    @contextmanager
    def make(context: ssl.SSLContext) -> Iterator[tuple[str, list[bytes]]]:
        heard: list[bytes] = []

        class Listener(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(self.requestline.encode())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        class Quiet(ThreadingHTTPServer):
            def finish_request(self, request: ssl.SSLSocket, client_address: object) -> None:  # type: ignore[override]
                with suppress(OSError):  # a client that refuses our certificate hangs up
                    request.do_handshake()
                    super().finish_request(request, client_address)

        server = Quiet(("127.0.0.1", 0), Listener)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}", heard
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    return make
