"""Looking for ATMs: the standard's ports one after the other, one question, and nothing is left open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from drivers.atm import address as addresses
from drivers.atm.xfs4iot import Xfs4Iot, Xfs4IotOptions
from drivers.base import Discovers, Found, Shared
from drivers.errors import Refused
from drivers.sim.base import Fault
from drivers.sim.contract import Left

if TYPE_CHECKING:
    from tests.drivers.atm.conftest import Atm, Say

Start = Callable[..., Awaitable[tuple[Any, str]]]
ATM = "atm/xfs4iot"


class Turns:
    def __init__(self) -> None:
        self.taken = 0

    async def __call__(self) -> None:
        self.taken += 1


async def _look(address: str, turns: Turns | None = None, **options: object) -> Found | None:
    assert isinstance(Xfs4Iot, Discovers)
    asked_with = Xfs4IotOptions.model_validate({"wait": 0.4, **options})
    return await Xfs4Iot.look(address, asked_with, Shared(), turns or Turns())


@pytest.mark.parametrize("version", ["2021-1", "3.0"])
async def test_an_atm_is_found_by_one_question_that_every_machine_answers(
    start: Start, version: str, until: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    atm, address = await start(ATM, {"version": version})
    assert await _look(address) == Found(address=address, cls="atm", identity={"maker": "Simulated"})
    assert {command["header"]["name"] for command in atm.heard} == {"ServicePublisher.GetServices"}
    await until(lambda: atm.connections == 0)


async def test_a_host_without_a_port_is_tried_at_the_ports_of_the_standard(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, address = await start(ATM)
    port = int(address.rpartition(":")[2])
    async with _listening(lambda reader, writer: writer.close()) as other:
        monkeypatch.setattr(addresses, "PORTS", (other, port))
        turns = Turns()
        found = await _look("127.0.0.1", turns)
    assert found is not None
    assert (found.address, turns.taken) == (address, 2)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
async def test_what_does_not_answer_as_an_atm_is_none_and_nothing_is_left(start: Start, fault: Fault) -> None:
    atm, address = await start(ATM)
    await _look(address)
    before = Left()
    atm.fault = fault
    assert await _look(address) is None
    assert len(Left().handles) <= len(before.handles) + atm.connections


async def test_a_web_server_is_no_atm_and_hears_one_request(start: Start) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with _listening(answer) as port:
        assert await _look(f"127.0.0.1:{port}") is None
    assert [request.split(b"\r\n")[0] for request in heard] == [b"GET /xfs4iot/v1.0 HTTP/1.1"]


async def test_an_atm_that_says_no_is_told_of(atm: "Atm", say: "type[Say]", monkeypatch: pytest.MonkeyPatch) -> None:
    machine = await atm(lambda service, header: [])
    monkeypatch.setattr(machine, "_publish", lambda header: [say.acknowledge(header, status="invalidToken")])
    with pytest.raises(Refused, match="invalidToken"):
        await _look(machine.address)


@asynccontextmanager
async def _listening(answer: Callable[..., Any]) -> AsyncIterator[int]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
