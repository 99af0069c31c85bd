"""Drivers meet the other end here: simulators on real ptys, ports and folders, and what must not be left behind."""

import asyncio
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, Named, Shared
from drivers.registry import find
from drivers.sim import contract
from drivers.sim.base import Simulator
from drivers.sim.contract import Left
from drivers.sim.registry import make

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]


# -- a pcscd of the tests' own --------------------------------------------------------------------------------------

PCSCD_INSTALL = "apt-get install -y pcscd vsmartcard-vpcd swig gcc libpcsclite-dev python3-dev && make pcsc"
VPCD = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
READER_CONF = """\
FRIENDLYNAME "{name}"
DEVICENAME /dev/null:{port}
LIBPATH {library}
CHANNELID {port}
"""
# Where pcscd's socket is, is compiled into it: it gets a /run of its own. And no drivers, lest it take hold of readers
# of this machine that another pcscd serves.
IN_A_ROOM_OF_ITS_OWN = (
    'mount --bind "$1/run" /run && mount --bind "$1/none" /usr/lib/pcsc/drivers && exec "$2" -f -d -c "$1/conf"'
)
ROOM = ["unshare", "--mount", *([] if sys.platform == "win32" or os.getuid() == 0 else ["--map-root-user"])]
# libpcsclite reads this once a process: before any test asks for a reader, and then none asks the machine's own pcscd.
PCSCD_FOLDER = Path(tempfile.gettempdir()) / f"bf-pcscd-{os.getpid()}"  # short: a socket's path has 107 bytes at most
PCSCD_SOCKET = PCSCD_FOLDER / "run" / "pcscd" / "pcscd.comm"
os.environ["PCSCLITE_CSOCK_NAME"] = str(PCSCD_SOCKET)


class Pcscd:
    """A real pcscd with vsmartcard's virtual reader at `port`, whose two slots are `NAME 00 00` and `NAME 00 01`."""

    def __init__(self, program: str) -> None:
        self.port = _two_free_ports()
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, reader: str | None = "Virtual PCD") -> None:
        """Run it, with a reader or with none."""
        conf = PCSCD_FOLDER / "conf" / "reader"
        conf.unlink(missing_ok=True)
        if reader is not None:
            library = shutil.copy(VPCD, PCSCD_FOLDER)
            conf.write_text(READER_CONF.format(name=reader, port=self.port, library=library), encoding="utf-8")
        command = [*ROOM, "sh", "-c", IN_A_ROOM_OF_ITS_OWN, "sh", str(PCSCD_FOLDER), self._program]
        with (PCSCD_FOLDER / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 90
        while not _answers(PCSCD_SOCKET):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((PCSCD_FOLDER / "log").read_text(errors="replace"))
            time.sleep(0.005)

    def stop(self) -> None:
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)  # one that stands still goes on, to its end
        self.wait()

    def send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait(30)

    def heard(self, command: str) -> int:
        """How often it was asked that since it was started."""
        return (PCSCD_FOLDER / "log").read_text(errors="replace").count(f"Received command: {command}")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except OSError:
            return False
    return True


def _two_free_ports() -> int:
    """One port of two together; below those the system gives away by itself."""
    while True:
        port = random.randrange(20000, 32000, 2)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("", port))
                second.bind(("", port + 1))
            except OSError:
                continue
        return port


@pytest.fixture
def pcscd() -> Iterator[Pcscd]:
    """A running pcscd that this process's pyscard asks."""
    program = shutil.which("pcscd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not VPCD.exists() or importlib.util.find_spec("smartcard") is None:
        pytest.skip(f"tests of card readers need a real pcscd and pyscard: {PCSCD_INSTALL}")
    if subprocess.run([*ROOM, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"tests of card readers need leave to mount, as root or in a user namespace: {' '.join(ROOM)} true")
    shutil.rmtree(PCSCD_FOLDER, ignore_errors=True)  # of a process that was killed
    for folder in ("run", "none", "conf"):
        (PCSCD_FOLDER / folder).mkdir(parents=True)
    service = Pcscd(program)
    try:
        service.start()
        yield service
    finally:
        service.stop()
        shutil.rmtree(PCSCD_FOLDER)


# -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def start(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Start]:
    """`await start("passbook", {"emulation": ...}, {"paper": "out"})` -> the simulator and its address."""
    started: list[Simulator] = []

    async def begin(
        kind: str, options: dict[str, object] | None = None, state: dict[str, str] | None = None
    ) -> tuple[Simulator, str]:
        if kind == "card_reader/pcsc":  # a card: the reader around it is real
            service: Pcscd = request.getfixturevalue("pcscd")
            options = {"port": service.port, **(options or {})}
        simulator = make(kind, f"1001/{len(started)}", options or {}, state or {}, tmp_path)
        started.append(simulator)
        return simulator, await simulator.start()

    yield begin
    for simulator in started:
        await simulator.close()


@pytest.fixture
def with_its_peer(request: pytest.FixtureRequest) -> Callable[[contract.Row], contract.Row]:
    """A row of the contract as it is tried here: the reader around a simulated card is a real pcscd's."""

    def made(row: contract.Row) -> contract.Row:
        if row.driver != "card_reader/pcsc":
            return row
        service: Pcscd = request.getfixturevalue("pcscd")
        return row._replace(simulator={"port": service.port, **row.simulator})

    return made


@pytest.fixture
async def driver() -> AsyncIterator[Make]:
    """`driver("passbook", address, emulation="olivetti")` -> the driver, its options read as an inventory's are."""
    shared = Shared()

    def made(kind: str, address: str, position: str = "1001/0", **options: object) -> Driver:
        found = find(kind)
        assert found.check_address(address) is None
        one = found(address, found.Options.model_validate(options), shared)
        if isinstance(one, Named):
            one.be(position)
        return one

    yield made
    await shared.close()


@pytest.fixture
def poll() -> Callable[[Driver], Awaitable[Any]]:
    """Open, poll, close, as an agent does it."""

    async def once(driver: Driver) -> Any:
        try:
            await driver.open()
            return await driver.poll()
        finally:
            await driver.close()

    return once


@pytest.fixture
def sees(poll: Callable[[Driver], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """`await sees(driver, card="none")` polls until the card is that, with a deadline."""

    async def wait(polled: Driver, *, card: str) -> Any:
        async with asyncio.timeout(10):
            while True:
                reading = await poll(polled)
                if reading.parts.get("card") == card:
                    return reading
                await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """`await until(lambda: printer.heard == 2)`, with a deadline."""

    async def wait(met: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not met():  # noqa: ASYNC110  (a simulator's counters tell nobody)
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def overhear() -> Callable[[Any], bytearray]:
    """`sent = overhear(printer)`: every byte that reaches a serial simulator from now on."""

    def begin(simulator: Any) -> bytearray:
        sent = bytearray()
        hear = simulator._end._hear

        def also(data: bytes) -> None:
            sent.extend(data)
            hear(data)

        simulator._end._hear = also
        return sent

    return begin


@pytest.fixture
def nothing_left() -> Callable[[Left], Awaitable[None]]:
    """`await nothing_left(before)` waits until handles, tasks and threads are as before, and fails if they stay."""
    return contract.nothing_left


@pytest.fixture
def look_around() -> type[Left]:
    return Left
