"""Whether somebody listens on a port: a connection that meets itself is nobody."""

import socket
from functools import partial

import pytest

from server.http.listening import answers
from tests.server.free import free_port


def test_a_connection_that_was_given_the_port_it_asks_for_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    place = "127.0.0.1", free_port()
    meets_itself = partial(socket.create_connection, source_address=place)
    with meets_itself(place) as line:
        assert line.getsockname() == line.getpeername()
    place = "127.0.0.1", free_port()
    monkeypatch.setattr(socket, "create_connection", partial(socket.create_connection, source_address=place))
    assert not answers(*place)


def test_who_listens_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert answers(*listener.getsockname())
    assert not answers("127.0.0.1", free_port())
