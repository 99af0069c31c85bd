"""Serial manners, on real ptys: nobody else's port is touched, and one's own is held shortly and put back."""

import asyncio
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import serial
import serial.rfc2217

from drivers import serial_link
from drivers.base import Driver, Reading
from drivers.errors import Busy, DeviceError, Garbled, Reason, Refused, Unreachable
from drivers.serial_link import HOLD_SECONDS, Ask, Conversation, SerialLink, SerialOptions, check_serial_address
from drivers.sim.base import Fault

if sys.platform == "win32":
    raise pytest.skip.Exception("there are no ptys on Windows", allow_module_level=True)

import termios

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
OPTIONS: dict[str, object] = {"emulation": "olivetti", "profile": "simulated"}
ROOT = Path(__file__).parents[2]


@contextmanager
def another_program(code: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `code`, says "ready" on stdout, and stays until the block ends."""
    told = textwrap.dedent(code) + "\nprint('ready', flush=True)\nsys.stdin.read()\n"
    command = [sys.executable, "-c", "import sys\n" + told, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


# Said in a program after its imports: from here on it is somebody who is not root.
DROP = "import os; os.getuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))"

HOLDERS = {
    "without any lock": "import os; held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)",
    "with flock": """
        import fcntl, os
        held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(held, fcntl.LOCK_EX)
    """,
    "with TIOCEXCL": """
        import fcntl, os, termios
        held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(held, termios.TIOCEXCL)
    """,
    "with pyserial": "import serial; held = serial.Serial(sys.argv[1], exclusive=True)",
}


@pytest.mark.parametrize("how", HOLDERS)
async def test_a_port_that_another_program_holds_gets_not_one_byte(
    how: str, start: Start, driver: Make, poll: Poll
) -> None:
    printer, port = await start("passbook")
    with another_program(HOLDERS[how], port):
        settings = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) if os.getuid() == 0 else None
        was = termios.tcgetattr(settings) if settings is not None else None
        with pytest.raises(Busy) as busy:
            await poll(driver("passbook", port, **OPTIONS))
        assert busy.value.reason == Reason.PORT_IN_USE
        if settings is not None:
            assert termios.tcgetattr(settings) == was
            os.close(settings)
    assert printer.heard == 0
    if how != "with TIOCEXCL":  # that outlives its holder for as long as the simulator keeps the pty open
        await poll(driver("passbook", port, **OPTIONS))
        assert printer.heard > 0


async def test_the_holder_is_named(start: Start, driver: Make, poll: Poll) -> None:
    _, port = await start("passbook")
    with another_program(HOLDERS["without any lock"], port) as holder, pytest.raises(Busy, match=str(holder.pid)):
        await poll(driver("passbook", port, **OPTIONS))


async def test_a_holder_that_wakes_up_finds_its_input_untouched(
    start: Start, driver: Make, poll: Poll, until: Until
) -> None:
    """Throwing away stale input is for one's own port only."""
    printer, port = await start("passbook")
    code = "import os; held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); os.write(held, b'\\x1bj')"
    with another_program(code, port):
        await until(lambda: printer.heard >= 2)
        with pytest.raises(Busy):
            await poll(driver("passbook", port, **OPTIONS))
        reader = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        assert os.read(reader, 100) == b"\x1br0"
        os.close(reader)
    assert printer.heard == 2


async def test_two_polls_of_one_port_in_one_process_do_not_mix(
    start: Start, driver: Make, poll: Poll, until: Until
) -> None:
    printer, port = await start("passbook")
    printer.fault = Fault.SILENT
    first = asyncio.ensure_future(poll(driver("passbook", port, **OPTIONS)))
    await until(lambda: printer.heard > 0)
    with pytest.raises(Busy):
        await poll(driver("passbook", port, **OPTIONS))
    with pytest.raises(Unreachable):
        await first


async def test_the_port_can_be_opened_by_anybody_after_a_poll(start: Start, driver: Make, poll: Poll) -> None:
    """By somebody who is not root, too: root passes TIOCEXCL."""
    printer, port = await start("passbook")
    os.chmod(port, 0o666)
    for fault in (Fault.NONE, Fault.SILENT, Fault.GARBAGE):
        printer.fault = fault
        with suppress(DeviceError):
            await poll(driver("passbook", port, **OPTIONS))
        opener = f"import serial; {DROP}; held = serial.Serial(sys.argv[1], exclusive=True)"
        with another_program(opener, os.readlink(port)):
            pass


async def test_an_agent_that_is_not_root_finds_the_port_closed_to_it(start: Start) -> None:
    printer, port = await start("passbook")
    os.chmod(port, 0o666)
    code = f"""
        import asyncio, sys
        from drivers.base import Shared
        from drivers.errors import DeviceError
        from drivers.passbook.driver import Passbook, PassbookOptions

        driver = Passbook(sys.argv[1], PassbookOptions(emulation="olivetti"), Shared())
        {DROP}

        async def main():
            try:
                await driver.open()
                await driver.poll()
            except DeviceError as error:
                print(type(error).__name__, error.reason, flush=True)
            finally:
                await driver.close()

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), os.readlink(port)]
    with another_program(HOLDERS["with TIOCEXCL"], port):
        ran = await asyncio.to_thread(
            subprocess.run, command, check=True, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    assert ran.stdout.split() == ["Busy", "portInUse"]
    assert printer.heard == 0


async def test_speed_and_framing_are_put_back(start: Start, driver: Make, poll: Poll) -> None:
    _, port = await start("passbook")
    mine = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        settings = termios.tcgetattr(mine)
        settings[2] = (settings[2] & ~termios.CSIZE) | termios.CS7 | termios.PARENB | termios.HUPCL
        settings[4] = settings[5] = termios.B1200
        termios.tcsetattr(mine, termios.TCSANOW, settings)
        was = termios.tcgetattr(mine)
    finally:
        os.close(mine)
    await poll(driver("passbook", port, **OPTIONS, baud=19200))
    again = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        now = termios.tcgetattr(again)
    finally:
        os.close(again)
    assert (now[2], now[4], now[5]) == (was[2], was[4], was[5])
    assert not now[3] & termios.ECHO


def test_no_call_that_moves_dtr_or_rts_is_made(tmp_path: Path) -> None:
    """Python reports every ioctl to an audit hook. What the kernel does at open and close no pty can show."""
    code = """
        import asyncio, fcntl, pathlib, sys, termios
        from drivers.base import Shared
        from drivers.passbook.driver import Passbook
        from drivers.sim.registry import make

        asked = []
        sys.addaudithook(lambda event, words: asked.append(words[1]) if event == "fcntl.ioctl" else None)

        async def main():
            printer = make("passbook", "printer", {}, {}, pathlib.Path(sys.argv[1]))
            port = await printer.start()
            options = Passbook.Options(emulation="olivetti", profile="simulated")
            driver = Passbook(port, options, Shared())
            await driver.open()
            reading = await driver.poll()
            await driver.close()
            await printer.close()
            assert reading.device == "online"

        asyncio.run(main())
        moved = {termios.TIOCMSET, termios.TIOCMBIS, termios.TIOCMBIC}
        assert termios.TIOCEXCL in asked
        sys.exit(len(moved & set(asked)))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], cwd=ROOT, check=True, timeout=60)


# -- bounds ---------------------------------------------------------------------------------------------------------


async def test_a_megabyte_of_noise_ends_the_question_at_once(start: Start, driver: Make, poll: Poll) -> None:
    printer, port = await start("passbook")
    printer.garbage = b"\x1bB5" * 350_000
    printer.fault = Fault.GARBAGE
    with pytest.raises(Garbled) as garbled:
        await poll(driver("passbook", port, **OPTIONS))
    assert garbled.value.reason in (Reason.TOO_LONG, Reason.BAD_FRAME)
    assert len(garbled.value.raw) <= 257


@pytest.mark.parametrize("link", ["pty", "tcp"])
async def test_a_late_answer_is_not_taken_for_the_answer_to_the_next_question(link: str, start: Start) -> None:
    printer, port = await start("passbook", {"link": link}, {"paper": "out"})
    answered = threading.Event()
    printer.showed = lambda name, parts: answered.set()

    def ask_twice() -> Conversation[bytes]:
        yield Ask(b"\x1bj", None)
        assert answered.wait(10)
        printer.state["paper"] = "ok"
        return (yield Ask(b"\x1bj", lambda answer: len(answer) >= 3))

    asked = SerialLink(port, SerialOptions())
    assert await asked.converse(ask_twice()) == b"\x1br0"
    await asked.close()


@pytest.mark.parametrize(("hold", "at_most"), [(None, 10), (HOLD_SECONDS / 5, 2)])
async def test_a_port_is_let_go_when_its_time_is_up_however_much_is_left_to_ask(
    hold: float | None, at_most: int, start: Start
) -> None:
    printer, port = await start("passbook")
    printer.fault = Fault.SILENT

    def ask_for_ever() -> Conversation[int]:
        for asked in range(10_000):
            try:
                yield Ask(b"\x1bj", bool, seconds=HOLD_SECONDS / 5)
            except Unreachable as error:
                if "let go" in error.detail:
                    return asked
        return 0

    link = SerialLink(port, SerialOptions(), hold=hold)
    assert 1 <= await link.converse(ask_for_ever()) <= at_most
    await link.close()


async def test_a_conversation_that_is_given_up_lets_the_port_go(
    start: Start, driver: Make, poll: Poll, until: Until
) -> None:
    printer, port = await start("passbook")
    printer.fault = Fault.SILENT
    polling = asyncio.ensure_future(poll(driver("passbook", port, **OPTIONS)))
    await until(lambda: printer.heard > 0)
    polling.cancel()
    await asyncio.wait([polling])
    assert polling.cancelled()
    printer.fault = Fault.NONE
    assert (await poll(driver("passbook", port, **OPTIONS))).device == "online"


async def test_a_conversation_that_was_given_up_while_the_port_opened_never_asks(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is looked up for longer than the driver's whole time, which is how a broken DNS looks."""
    printer, port = await start("passbook", {"link": "tcp"})
    found, asked = threading.Event(), threading.Event()
    look_up = socket.create_connection

    def slow(*words: Any, **named: Any) -> socket.socket:
        asked.set()
        assert found.wait(60)
        return look_up(*words, **named)

    def ask() -> Conversation[bytes]:
        return (yield Ask(b"\x1bj", lambda answer: len(answer) >= 3))

    monkeypatch.setattr(socket, "create_connection", slow)
    monkeypatch.setattr(serial_link, "CLOSE_SECONDS", 0.05)
    link = SerialLink(port, SerialOptions())
    first = asyncio.ensure_future(link.converse(ask()))
    assert await asyncio.to_thread(asked.wait, 60)
    first.cancel()
    await asyncio.wait([first])
    await link.close()
    with pytest.raises(Unreachable, match="still owes") as refused:
        await link.converse(ask())
    assert refused.value.reason == Reason.NO_ANSWER
    await link.close()
    found.set()
    monkeypatch.setattr(serial_link, "CLOSE_SECONDS", 60)
    await link.close()
    assert printer.heard == 0
    assert await link.converse(ask()) == b"\x1br0"
    assert printer.heard == 2
    await link.close()


# -- ports that are none --------------------------------------------------------------------------------------------


async def test_a_port_that_does_not_exist_is_unreachable(tmp_path: Path, driver: Make, poll: Poll) -> None:
    with pytest.raises(Unreachable) as unreachable:
        await poll(driver("passbook", str(tmp_path / "ttyS9"), **OPTIONS))
    assert unreachable.value.reason == Reason.NO_SUCH_PORT


async def test_a_file_is_not_a_port(tmp_path: Path, driver: Make, poll: Poll) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(Unreachable) as unreachable:
        await poll(driver("passbook", str(path), **OPTIONS))
    assert unreachable.value.reason == Reason.NO_SUCH_PORT
    assert path.read_text() == "mine"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOMEM, errno.EMFILE, errno.EINTR])
async def test_a_port_that_is_there_and_does_not_open_is_not_called_missing(
    number: int, start: Start, driver: Make, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead adapter or an agent out of handles, as the kernel tells it."""
    _, port = await start("passbook")
    opens = os.open

    def fails(path: Any, *words: Any, **named: Any) -> int:
        if path == port:
            raise OSError(number, os.strerror(number))
        return opens(path, *words, **named)

    monkeypatch.setattr(os, "open", fails)
    with pytest.raises(Refused, match=os.strerror(number)) as refused:
        await poll(driver("passbook", port, **OPTIONS))
    assert refused.value.reason == Reason.CANNOT_OPEN


async def test_a_terminal_that_cannot_be_asked_for_its_settings_is_not_called_missing(
    start: Start, driver: Make, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A UART that is not there, whose /dev/ttyS31 is: it opens, and says EIO to everything."""
    _, port = await start("passbook")

    def fails(number: int) -> list[Any]:
        raise termios.error(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(termios, "tcgetattr", fails)
    with pytest.raises(Refused) as refused:
        await poll(driver("passbook", port, **OPTIONS))
    assert refused.value.reason == Reason.CANNOT_OPEN


async def test_a_terminal_server_that_refuses_is_told_apart(driver: Make, poll: Poll) -> None:
    with pytest.raises(Unreachable) as unreachable:
        await poll(driver("passbook", "socket://127.0.0.1:1", **OPTIONS))
    assert unreachable.value.reason == Reason.CONNECTION_REFUSED


@pytest.mark.parametrize(
    "address",
    ["/dev/ttyS0", "COM3", "com12", r"\\.\COM12", "socket://10.1.2.3:4001", "socket://[::1]:4001", "rfc2217://host:23"],
)
def test_the_three_kinds_of_address_are_taken(address: str) -> None:
    assert check_serial_address(address) is None


@pytest.mark.parametrize(
    "address", ["ttyS0", "socket://10.1.2.3", "socket://h:1?logging=debug", "loop://", "spy:///dev/ttyS0?file=x", "COM"]
)
def test_other_addresses_are_not(address: str) -> None:
    assert check_serial_address(address) is not None


# -- other ends than ours -------------------------------------------------------------------------------------------


async def test_socat_ptys_work_from_process_to_process(tmp_path: Path, driver: Make, poll: Poll) -> None:
    socat = shutil.which("socat")
    if socat is None:
        pytest.skip("this test needs: apt-get install -y socat")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ends = [f"pty,raw,echo=0,link={end}" for end in (ours, theirs)]
    process = subprocess.Popen([socat, *ends])  # noqa: ASYNC220
    try:
        deadline = time.monotonic() + 90
        while not (ours.exists() and theirs.exists()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        printer = threading.Thread(target=_play_printer, args=(str(theirs),))
        printer.start()
        reading = await poll(driver("passbook", str(ours), **OPTIONS))
        await asyncio.to_thread(printer.join)
        assert reading.parts == {"cover": "open", "paper": "ok", "document": "none"}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _play_printer(port: str) -> None:
    with serial.Serial(port, timeout=5) as line:
        assert line.read(3) == b"\x1b B"
        line.write(b"\x1bB50\x1bZ")
        assert line.read(2) == b"\x1bj"
        line.write(b"\x1br4")
        assert line.read(3) == b"\x1b b"
        line.write(b"\x1bb1.00E;011;\x1bZ")


@pytest.mark.filterwarnings("ignore:set(Daemon|Name).. is deprecated:DeprecationWarning")  # pyserial's own
async def test_an_rfc2217_server_is_spoken_to(start: Start, driver: Make, poll: Poll) -> None:
    printer, port = await start("passbook")
    with _rfc2217_server(port) as address:
        reading = await poll(driver("passbook", address, **OPTIONS))
    assert reading.device == "online"
    assert printer.heard > 0


@contextmanager
def _rfc2217_server(port: str) -> Iterator[str]:
    """pyserial's own server side, for one connection, in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, serial.Serial(port, timeout=0) as line:
            connection.settimeout(0.01)
            ends: Any = (line, _Sink(connection))
            server = _NoLines(*ends)
            while True:
                try:
                    came = connection.recv(1024)
                    if not came:
                        return
                    line.write(b"".join(server.filter(came)))
                except TimeoutError:
                    pass
                except OSError:
                    return
                if said := line.read(1024):
                    connection.sendall(b"".join(server.escape(said)))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"rfc2217://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(10)
        listener.close()


class _NoLines(serial.rfc2217.PortManager):
    """A pty has no modem lines to report."""

    def check_modem_lines(self, force_notification: bool = False) -> None: ...


class _Sink:
    """What PortManager writes to."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)


# -- who holds it ---------------------------------------------------------------------------------------------------

CAPABILITIES = "+sys_ptrace,+dac_read_search"


def test_a_device_nobody_has_open_is_seen_to_be_free_by_root() -> None:
    _look("pass", "found.holder is None and not found.unseen")


def test_the_owner_is_unknown_to_a_user_who_may_not_look() -> None:
    _look(DROP, "found.holder is None and found.unseen")


def test_two_capabilities_are_enough_to_look() -> None:
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    user += [f"--inh-caps={CAPABILITIES}", f"--ambient-caps={CAPABILITIES}"]
    _look("assert os.getuid()", "found.holder is None and not found.unseen", user=user)


def test_a_holder_is_seen_by_whoever_may_look() -> None:
    _look("pass", "found.holder is not None and found.holder.startswith('sh (process ')", holding="/dev/ptmx")


def _look(first: str, expected: str, *, user: list[str] | None = None, holding: str = "/dev/zero") -> None:
    """Look for the owner of /dev/ptmx among the processes of a namespace: a shell of root's, and the one that looks."""
    lacking = [program for program in ("setpriv", "unshare") if shutil.which(program) is None]
    if os.getuid() != 0 or lacking:
        pytest.skip("this test needs root, and: apt-get install -y util-linux")
    code = "import os; from drivers.serial_owner import look; "
    code += f"{first}; found = look('/dev/ptmx', os.stat('/dev/ptmx')); assert {expected}, found"
    looker = [*(user or []), sys.executable, "-c", code]
    shell = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", f'exec 9<{holding}; "$@" 9<&-', "sh", *looker]
    ran = subprocess.run(shell, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


async def test_nothing_is_sent_while_the_owner_is_unknown(
    start: Start, driver: Make, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose processes cannot be listed, which is how it looks under hidepid."""
    from drivers import serial_owner

    printer, port = await start("passbook")
    monkeypatch.setattr(serial_owner, "_PROC", Path("/nowhere"))
    with pytest.raises(Refused) as refused:
        await poll(driver("passbook", port, **OPTIONS))
    assert refused.value.reason == Reason.OWNER_UNKNOWN
    assert "trust" in refused.value.detail
    assert printer.heard == 0
    reading = await poll(driver("passbook", port, **OPTIONS, owner_check="trust"))
    assert reading.device == "online"


async def test_a_lock_file_of_a_living_process_is_honoured(
    tmp_path: Path, start: Start, driver: Make, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drivers import serial_owner

    printer, port = await start("passbook")
    monkeypatch.setattr(serial_owner, "_LOCK_FOLDERS", (tmp_path,))
    lock = tmp_path / f"LCK..{Path(os.readlink(port)).name}"
    with another_program("") as owner:
        lock.write_text(f"{owner.pid:>10}\n")
        with pytest.raises(Busy):
            await poll(driver("passbook", port, **OPTIONS))
        assert printer.heard == 0
    lock.write_text("garbage \x00 from a crash\n")
    assert (await poll(driver("passbook", port, **OPTIONS))).device == "online"
