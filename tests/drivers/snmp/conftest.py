"""A real net-snmp agent on a port of its own, and device ends that do what no well-behaved agent does."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from drivers.base import Driver

SNMPD_INSTALL = "apt-get install -y snmpd"
FAST_INSTALL = "pip install 'gufo-snmp>=0.13'"
ENGINES = {"own engine": "own", "gufo": "auto"}
CONFIGURATION = """\
agentaddress udp:127.0.0.1:{port}
rocommunity public
createUser all SHA authpass123 AES privpass123
rouser all authpriv
createUser signed SHA-256 authpass123
rouser signed auth
createUser old MD5 authpass123 DES privpass123
rouser old authpriv
createUser open
rouser open noauth
sysName snmpd-under-test
"""
# A GET of sysUpTime.0 with community "public", as any SNMPv2c tool sends it.
GET_UP_TIME = bytes.fromhex("302602010104067075626c6963a019020101020100020100300e300c06082b060102010103000500")


@pytest.fixture(params=ENGINES)
def driver(request: pytest.FixtureRequest, driver: Callable[..., Driver]) -> Callable[..., Driver]:
    """Every test here that polls is run on both engines."""
    if request.param == "gufo":
        pytest.importorskip("gufo.snmp", reason=f"tests on the second engine need: {FAST_INSTALL}")

    def made(kind: str, address: str, **options: object) -> Driver:
        return driver(kind, address, engine=ENGINES[request.param], **options)

    return made


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running snmpd with a community and four users."""
    program = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip(f"tests against a real agent need: {SNMPD_INSTALL}")
    folder = tmp_path_factory.mktemp("snmpd")
    port = free_port()
    configuration = folder / "snmpd.conf"
    configuration.write_text(CONFIGURATION.format(port=port), encoding="utf-8")
    environment = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(folder / "persistent")}
    command = [program, "-f", "-Lf", str(folder / "log"), "-C", "-c", str(configuration), "-p", str(folder / "pid")]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=folder)
    try:
        _wait_until_it_answers(port, process, folder)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 90
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        while True:
            try:
                asking.sendto(GET_UP_TIME, ("127.0.0.1", port))
                asking.recv(1500)
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError((folder / "log").read_text(errors="replace")) from None
            else:
                return


Respond = Callable[[bytes], list[bytes]]
Device = Callable[..., Awaitable[str]]


class _Scripted(asyncio.DatagramProtocol):
    def __init__(self, respond: Respond, answers_from: socket.socket | None) -> None:
        self._respond = respond
        self._answers_from = answers_from
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        for answer in self._respond(data):
            if self._answers_from is None:
                self._transport.sendto(answer, addr)
            else:
                self._answers_from.sendto(answer, addr)


@pytest.fixture
async def device() -> AsyncIterator[Device]:
    """`await device(respond)` -> the address of a UDP end that sends `respond(request)`, all of it, to each request.
    With `elsewhere=True` it answers from another port than the one it was asked at."""
    transports: list[asyncio.BaseTransport] = []
    others: list[socket.socket] = []

    async def begin(respond: Respond, *, elsewhere: bool = False) -> str:
        other = None
        if elsewhere:
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            other.bind(("127.0.0.1", 0))
            others.append(other)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Scripted(respond, other), local_addr=("127.0.0.1", 0)
        )
        transports.append(transport)
        host, port = transport.get_extra_info("sockname")
        return f"{host}:{port}"

    yield begin
    for transport in transports:
        transport.close()
    for other in others:
        other.close()
    await asyncio.sleep(0)
