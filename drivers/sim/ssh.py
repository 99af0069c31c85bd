"""A Linux host behind a real SSH server, paramiko's: it takes any key, and answers the scripts without running them.

State: the parts and numbers of `HEALTHY` (`listens` is a port that listens beside 22), and `trouble`, what can go wrong
besides the faults of every simulator:

    endless-banner  a byte of it, and another, for ever          flood-banner  the same as fast as the line takes it
    drop-first      closes the first connection, takes the next  new-key       shows another host key
    no-login        takes the key and says neither yes nor no    refused       does not know the key
    flood           says a gigabyte                              no-stdin      closes the channel, takes no script

Its host key follows from its name, so that a test knows it; a person reads it off the first poll's failure.
"""

import asyncio
import base64
import hashlib
import io
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from drivers.blocking import in_a_thread
from drivers.host import script
from drivers.host.ssh import SshOptions
from drivers.sim.base import Fault, Showed, check_options, check_state, read_port

PARTS = {"reboot": ("none", "pending"), "antivirus": ("running", "stopped")}
NUMBERS = ("listens", "uptime", "cpu.load", "memory.size", "memory.used", "disk.used", "antivirus.age")
TROUBLES = (
    "none endless-banner flood-banner drop-first new-key no-login refused flood no-stdin".split()  # noqa: SIM905
)
HEALTHY = {
    "reboot": "none",
    "antivirus": "running",
    "uptime": "864000",
    "cpu.load": "7",
    "memory.size": "8192",
    "memory.used": "41",
    "disk.used": "37",
    "antivirus.age": "1",
    "listens": "0",
    "trouble": "none",
}
IDENTITY = 'name=simulated\nos="Simulated Linux 1"\nkernel=6.1.0-1\nmaker=Simulated\nmodel=Host\nunread.serial=rights\n'
FACTS = """host.name=simulated
os.name=Simulated Linux 1
os.id=debian
os.version=12
arch=x86_64
kernel=6.1.0-1
machine.maker=Simulated
machine.model=Host
unread.machine.serial=rights
unread.firewall.=rights
shares[]
smb1.server=false
networks[]=eth0 10.1.1.9/24
av.count=1
av.1.product=ClamAV
av.1.version=1.4.3
av.1.engine=1.4.3
av.1.read=clamscan -V
unread.av.1.scanned_at=absent
usb.storage=denied
administrators[]=root
updates.source=dpkg
updates.pending_count=0
updates.pending[]
software[]=openssh-server\t1:9.2p1-2
"""
WINDOWS = """host.name=SIMULATED-PC
os.id=windows
os.name=Windows 10 Pro
os.build=19045.6456
os.edition=Professional
file.srv.sys=10.0.19041.6456
smb1.server=false
shares[]=IPC$
firewall.on=true
firewall.kind=windows
unread.av.=absent
usb.storage=denied
licence=licensed
"""
_PACKED = re.compile(rb"FromBase64String\('([A-Za-z0-9+/=]*)'\)")
GARBAGE = b'\x1b[2J\xff\xfe$(reboot)=`id`\n{"a":' + b"[" * 300 + "\u202e存折\n".encode()
FLOOD = 1 << 30
SLOW_SECONDS = 300.0
GIVE_UP_SECONDS = 60.0  # for a caller that does nothing
_LOG = "drivers.host.paramiko"  # silenced by drivers/host/session.py


def host_key(name: str, changed: bool = False) -> paramiko.PKey:
    """The host key of the simulator called `name`: no secret at all."""
    seed = hashlib.sha256(f"simulated host {name} {changed}".encode()).digest()
    return paramiko.Ed25519Key.from_private_key(io.StringIO(as_text(Ed25519PrivateKey.from_private_bytes(seed))))


def as_text(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


class _Host(paramiko.ServerInterface):
    def __init__(self, trouble: str, ended: threading.Event) -> None:
        self._trouble = trouble
        self._ended = ended
        self.asked = threading.Event()
        self.command = b""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if self._trouble == "no-login":
            self._ended.wait(GIVE_UP_SECONDS)
        return AUTH_FAILED if self._trouble in ("no-login", "refused") else AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.command = command
        self.asked.set()
        return True


class SshSimulator:
    """`connections` counts those that came, `commands` has what was asked to be run."""

    def __init__(self, name: str, state: dict[str, str], port: int) -> None:
        self.name = name
        self.state = state
        self.fault = Fault.NONE
        self.garbage = GARBAGE
        self.showed: Showed | None = None
        self.connections = 0
        self.commands: list[bytes] = []
        self._port = port
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Future[None]] = set()
        self._ended = threading.Event()

    async def start(self) -> str:
        listener = self._listener = socket.create_server(("127.0.0.1", self._port), backlog=64)
        listener.setblocking(False)
        self._port = listener.getsockname()[1]
        self._loop = asyncio.get_running_loop()
        self._accepting = self._loop.create_task(self._accept(listener))
        return f"127.0.0.1:{self._port}"

    async def close(self) -> None:
        self._ended.set()
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        if self._listener is not None:
            self._listener.close()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            with suppress(ConnectionError):
                caller, _ = await self._loop.sock_accept(listener)
                self.connections += 1
                serving = in_a_thread(lambda caller=caller: self._serve(caller), "simulated host")  # type: ignore[misc]
                self._serving.add(serving)
                serving.add_done_callback(self._serving.discard)

    def _serve(self, link: socket.socket) -> None:
        """One connection, in a thread."""
        trouble = self.state["trouble"]
        link.setblocking(True)
        link.settimeout(0.1)
        try:
            if self.fault is Fault.SILENT:
                self._until_gone(link)
            elif trouble in ("endless-banner", "flood-banner"):
                self._banner_without_end(link, slowly=trouble == "endless-banner")
            elif trouble != "drop-first" or self.connections > 1:
                self._speak(link, trouble)
        except (OSError, EOFError, paramiko.SSHException):
            return  # the caller is gone
        finally:
            link.close()

    def _until_gone(self, link: socket.socket) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                if not link.recv(4096):
                    return

    def _banner_without_end(self, link: socket.socket, *, slowly: bool) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                link.sendall(b"x" if slowly else b"x" * 65536)
            if slowly:
                self._ended.wait(0.02)

    def _speak(self, link: socket.socket, trouble: str) -> None:
        host = _Host(trouble, self._ended)
        transport = paramiko.Transport(link)
        transport.set_log_channel(_LOG)
        transport.add_server_key(host_key(self.name, changed=trouble == "new-key"))
        try:
            done = threading.Event()
            transport.start_server(event=done, server=host)
            while transport.is_active() and not self._ended.is_set():
                if host.asked.wait(0.02):
                    channel = transport.accept(1.0)
                    if channel is not None:
                        self.commands.append(host.command)
                        self._answer(transport, channel, trouble)
                    return
        finally:
            transport.close()
            transport.join(5.0)

    def _answer(self, transport: paramiko.Transport, channel: paramiko.Channel, trouble: str) -> None:
        channel.settimeout(GIVE_UP_SECONDS)
        if trouble == "no-stdin":
            channel.close()
            return self._wait(transport, GIVE_UP_SECONDS)
        begin, end, wanted = _asked(_heard(channel))
        fault = self.fault
        if fault is Fault.HANG_UP:
            return None
        if fault is Fault.SLOW:
            self._wait(transport, SLOW_SECONDS)
        if trouble == "flood":
            self._flood(channel)
        told = dict(self.state)
        lines = _answer(wanted, told)
        answer = b"%s\n%s%s\n" % (begin, lines, end)
        if fault is Fault.GARBAGE:
            answer = self.garbage
        if fault is Fault.HALF:
            channel.sendall(answer[: len(answer) // 2])
            return self._wait(transport, GIVE_UP_SECONDS)
        channel.sendall(answer)
        channel.send_exit_status(0)
        channel.close()
        if fault is Fault.NONE and self.showed is not None:
            del told["trouble"], told["listens"]
            self._loop.call_soon_threadsafe(self.showed, self.name, told)
        return self._wait(transport, GIVE_UP_SECONDS)

    def _flood(self, channel: paramiko.Channel) -> None:
        for _ in range(FLOOD >> 15):
            channel.sendall(b"x" * 32768)

    def _wait(self, transport: paramiko.Transport, seconds: float) -> None:
        """Until the caller hangs up, or this ends."""
        for _ in range(int(seconds / 0.02)):
            if not transport.is_active() or self._ended.wait(0.02):
                return


def _heard(channel: paramiko.Channel) -> bytes:
    heard = b""
    while piece := channel.recv(32768):
        heard += piece
    return heard


def _asked(heard: bytes) -> tuple[bytes, bytes, str]:
    """The two markers that a script begins by setting, and which it is: the name of its file, or the part of the one
    for Windows."""
    if packed := _PACKED.search(heard):
        heard = base64.b64decode(packed[1])
        begin, end, part = re.findall(rb"= '([^']*)'", heard.partition(b"\n")[0])
        return begin, end, part.decode()
    begin, end, rest = heard.split(b"\n", 2)
    name = script.FACTS if rest == script.shipped(script.FACTS) else script.READ
    return begin.partition(b"=")[2], end.partition(b"=")[2], name


def _answer(wanted: str, state: Mapping[str, str]) -> bytes:
    if wanted == script.FACTS:
        return linux_facts(state, int(time.time()))
    if wanted == "facts":
        return _windows_facts(state)
    return _lines(state)


def _lines(state: Mapping[str, str]) -> bytes:
    return (
        IDENTITY + "".join(f"{key}={said}\n" for key, said in state.items() if key not in ("trouble", "listens"))
    ).encode()


def linux_facts(state: Mapping[str, str], now: int) -> bytes:
    """The same host, as the script of facts tells it."""
    pending = state["reboot"] == "pending"
    running = state["antivirus"] == "running"
    ports = [22, int(float(state["listens"]))]
    sockets = "".join(f"socket.tcp[]=00000000:{port:04X}\n" for port in ports if port)
    made = now - int(float(state["antivirus.age"]) * 86_400)
    return (
        FACTS
        + f"reboot.pending={str(pending).lower()}\n"
        + ("reboot.why[]=kernel 6.1.0-2\n" if pending else "")
        + f"byte_order=1\nsocket.tcp[]\n{sockets}socket.udp[]\n"
        + f"av.1.realtime={str(running).lower()}\nav.1.library=27800\nav.1.library_at={made}000000\n"
    ).encode()


def _windows_facts(state: Mapping[str, str]) -> bytes:
    """A Windows 10 with its lines as PowerShell may spoil them."""
    port = int(float(state["listens"]))
    more = f"ports.tcp[]={port}\n" if port else ""
    pending = str(state["reboot"] == "pending").lower()
    return b"#< CLIXML\n" + f"{WINDOWS}reboot.pending={pending}\nports.tcp[]\n{more}ports.udp[]\n".encode()


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> SshSimulator:
    check_options("a simulated host", options, SshOptions)
    check_state("a simulated host", state, {**PARTS, **dict.fromkeys(NUMBERS), "trouble": TROUBLES})
    return SshSimulator(name, {**HEALTHY, **state}, read_port(options))
