"""Asking a print service: the bytes of RFC 8010, and any bytes at all for an answer."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers import ipp
from drivers.errors import DeviceError, Garbled, NotSupported, Refused, Unreachable

# RFC 8010, A.3 gives such an answer byte by byte; this one has a printer's groups.
ANSWER = (
    b"\x01\x01\x00\x00\x00\x00\x00\x01"
    b"\x01\x47\x00\x12attributes-charset\x00\x05utf-8"
    b"\x04\x23\x00\x0dprinter-state\x00\x04\x00\x00\x00\x05"
    b"\x44\x00\x15printer-state-reasons\x00\x11media-empty-error"
    b"\x44\x00\x00\x00\x06paused"
    b"\x22\x00\x19printer-is-accepting-jobs\x00\x01\x01"
    b"\x31\x00\x14printer-current-time\x00\x0b\x07\xea\x0b\x19\x08\x00\x00\x00+\x00\x00"
    b"\x03"
)


def test_a_question_has_the_bytes_of_the_standard() -> None:
    assert ipp.question(ipp.GET_PRINTER_ATTRIBUTES, "ipp://localhost/printers/p", ["printer-state", "x"]) == (
        b"\x01\x01\x00\x0b\x00\x00\x00\x01"
        b"\x01\x47\x00\x12attributes-charset\x00\x05utf-8"
        b"\x48\x00\x1battributes-natural-language\x00\x02en"
        b"\x45\x00\x0bprinter-uri\x00\x1aipp://localhost/printers/p"
        b"\x44\x00\x14requested-attributes\x00\x0dprinter-state"
        b"\x44\x00\x00\x00\x01x"
        b"\x03"
    )


def test_an_answer_is_read_by_groups() -> None:
    assert ipp.parse(ANSWER) == [
        {
            "printer-state": [5],
            "printer-state-reasons": ["media-empty-error", "paused"],
            "printer-is-accepting-jobs": [True],
        }
    ]


@pytest.mark.parametrize(("status", "kind"), [(0x0406, NotSupported), (0x0403, Refused), (0x0500, Refused)])
def test_an_answer_that_says_no_is_an_error(status: int, kind: type[DeviceError]) -> None:
    with pytest.raises(kind):
        ipp.parse(ANSWER[:2] + status.to_bytes(2, "big") + ANSWER[4:])


@pytest.mark.parametrize("size", range(len(ANSWER)))
def test_an_answer_that_is_cut_off_is_garbled(size: int) -> None:
    with pytest.raises(Garbled):
        ipp.parse(ANSWER[:size])


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"\x01\x01\x00\x00\x00\x00\x00\x01" + tail))
@example(b"\x01\x01\x00\x00\x00\x00\x00\x01\x04\x44\x00\x00\x00\x00\x03")
def test_any_bytes_give_groups_or_an_error(answer: bytes) -> None:
    try:
        groups = ipp.parse(answer)
    except DeviceError:
        return
    assert all(values for group in groups for values in group.values())


@contextmanager
def service(status: int, body: bytes) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ipp://127.0.0.1:{server.server_address[1]}/printers/p"
        finally:
            server.shutdown()
            thread.join()


def test_a_web_server_that_knows_no_printing_is_told_apart() -> None:
    with service(404, b"") as uri, pytest.raises(Refused, match="404"):
        ipp.ask(ipp.GET_JOBS, uri, [])


def test_an_answer_without_end_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipp, "LIMIT", 100)
    with service(200, ANSWER) as uri, pytest.raises(Garbled, match="too long"):
        ipp.ask(ipp.GET_JOBS, uri, [])


def test_a_service_that_drips_its_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipp, "SECONDS", 0.3)
    with dripping() as uri, pytest.raises(Unreachable, match="timed out"):
        ipp.ask(ipp.GET_JOBS, uri, [])


@contextmanager
def dripping() -> Iterator[str]:
    """A service that sends a byte of a header well before each time-out, for as long as somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not left.wait(0.02):
                    connection.sendall(b"x")

        left = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield f"ipp://127.0.0.1:{server.getsockname()[1]}/printers/p"
        finally:
            left.set()
            thread.join()


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        ipp.ask(ipp.GET_JOBS, "ipp://127.0.0.1:1/printers/p", [])
