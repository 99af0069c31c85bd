"""A bank on this machine for faults to be done to: simulators, the server and its agents as a person starts them.

`enrol` is the one place that knows how an agent comes to be let in.
"""

import asyncio
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from server.http.listening import answers
from tests.faults.bank import Bank
from tests.faults.warm import Forked, Warm
from tui.client import Client
from tui.demo.processes import DidNotWork, Programs, command, module, programs
from tui.failures import ClientError

Running = subprocess.Popen[bytes] | Forked
WARM = {
    "branchfleet-server": ("server.cli", "server.app", "server.http.serving"),
    "branchfleet-agent": ("agent.cli", "agent.run", "drivers.snmp.driver"),
}
FAST = int(os.environ.get("FAST_CLOCK", "1"))
PATIENCE = 120.0 * FAST  # seconds; a wait that lasts longer has failed
LOOK = 0.02 * FAST  # seconds between two looks at something awaited


class Bench:
    """`home` holds all of it. `host` is where the server listens; agents reach it there, or through a `Line`.

    `wrap` gives words to put before a program's own, by its name: `{"agent-1001": ["ip", "netns", "exec", "branch"]}`.
    """

    def __init__(
        self,
        started: Programs,
        home: Path,
        bank: Bank,
        *,
        host: str = "127.0.0.1",
        wrap: Mapping[str, Sequence[str]] | None = None,
        database: str | None = None,
        warm: dict[str, str] | None = None,
    ) -> None:
        self.started = started
        self.home = home
        self.bank = bank
        self.host = host
        self.port = free_port(host)
        self.shown = home / "shown.log"
        self.server_home = home / "server"
        self.database = database or str(self.server_home / "branchfleet.db")
        self._url = database
        self._wrap = wrap or {}
        self._password = ""
        self._warm = {name: Warm(*modules, environment=warm) for name, modules in WARM.items() if warm}
        self._forked: dict[str, Forked] = {}

    @property
    def url(self) -> str:
        """Plain on this machine, where a `Line` in the middle looks at what passes; TLS anywhere else."""
        return f"{'http' if self._plain else 'https'}://{self.host}:{self.port}"

    @property
    def _plain(self) -> bool:
        return self.host == "127.0.0.1"

    def client(self) -> Client:
        ca = self.server_home / "tls" / "ca.pem"
        return Client(self.url, trust=None if self._plain else ssl.create_default_context(cafile=ca))

    def agent_home(self, key: str = "agent-1001") -> Path:
        return self.home / f"home-{key}"

    # -- setting up ---------------------------------------------------------------------------------

    def set_up(self) -> None:
        """Simulators that answer, and a server's home with the bank in it. Nothing else runs yet."""
        addresses = self._simulators()
        inventory = self.home / "inventory.toml"
        inventory.write_text(self.bank.inventory(addresses), encoding="utf-8")
        self.server_home.mkdir(exist_ok=True)
        settings = "password_memory = 32\n"  # signing in is not what is proved here, and costs a third of a second
        settings += "tls = false\n" if self._plain else ""
        settings += f'database = "{self._url}"\n' if self._url else ""
        (self.server_home / "server.toml").write_text(settings, encoding="utf-8")
        said = self.started.say("branchfleet-server", "init", "--json")
        self._password = json.loads(said)["password"]
        self.started.say("branchfleet-server", "apply", str(inventory), "--yes")

    def enrol(self, key: str, url: str) -> None:
        """Let the agent called `key` in, and tell it its server, which is started for that if it does not run."""
        branch = "1000" if key == "centre" else "1001"
        said = self.started.say("branchfleet-server", "agent", "code", branch, "--agent", key, "--json")
        runs = "server" in self._forked or "server" in self.started.names()
        if not runs:
            self.start_server()
        until(lambda: self._let_in(key, url, json.loads(said)["code"]), "the agent to be let in")
        if not runs:
            self.stop("server")

    def _let_in(self, key: str, url: str, code: str) -> bool:
        """Whether it was. By a fast clock an answer soon comes too late, and the same code may be said again."""
        words = ["branchfleet-agent", "enroll", url, "-", "--home", str(self.agent_home(key))]
        try:
            self.started.say(*words, stdin=f"{code}\n")
        except DidNotWork:
            if FAST == 1:
                raise
            return False
        return True

    def _simulators(self) -> dict[str, str]:
        (self.home / "devices").mkdir()
        world = self.bank.write_world(self.home)
        process = self._start("simulators", [*module("drivers.sim"), str(world)], talks=True)
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise DidNotWork(f"The simulators did not start; see {self.home / 'logs' / 'simulators.log'}")
        found: dict[str, str] = json.loads(line)["addresses"]
        return found

    # -- running ------------------------------------------------------------------------------------

    def start_server(self, name: str = "server", port: int = 0) -> Running:
        """Start it and wait until its port answers."""
        port = port or self.port
        process = self._run(name, "branchfleet-server", ["run", "--host", self.host, "--port", str(port)])
        until(lambda: self._answers(process, port), "the server to answer")
        return process

    def start_agent(self, key: str = "agent-1001") -> Running:
        return self._run(key, "branchfleet-agent", ["run", "--home", str(self.agent_home(key))])

    def _run(self, name: str, program: str, arguments: list[str]) -> Running:
        if program not in self._warm:
            return self._start(name, [command(program), *arguments])
        self._forked[name] = self._warm[program].start(arguments, self.home / "logs" / f"{name}.log")
        return self._forked[name]

    def stop(self, name: str) -> None:
        """End a program as a person would."""
        forked = self._forked.pop(name, None)
        if forked is None:
            self.started.stop(name)
        elif forked.poll() is None:
            os.kill(forked.pid, signal.SIGTERM)
            forked.wait()

    def close(self) -> None:
        for forked in self._forked.values():
            if forked.poll() is None:
                kill(forked)
        for warm in self._warm.values():
            warm.close()

    def _start(self, name: str, words: list[str], *, talks: bool = False) -> subprocess.Popen[bytes]:
        return self.started.start(name, [*self._wrap.get(name, ()), *words], talks=talks)

    def start(self, name: str, words: list[str], port: int) -> None:
        """Start any other program that listens."""
        process = self._start(name, words)
        until(lambda: self._answers(process, port), f"{name} to answer")

    def _answers(self, process: Running, port: int) -> bool:
        if process.poll() is not None:
            raise DidNotWork(f"It ended with {process.poll()}; see {self.home / 'logs'}")
        return answers(self.host, port, 0.5 * FAST)

    def tell_story(self) -> None:
        self.started.tell("simulators", "begin")

    def end_story(self) -> None:
        """What simulators show from now on is not counted."""
        self.started.tell("simulators", "end")

    def log_of(self, name: str) -> str:
        return (self.home / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    # -- as a person sees it ------------------------------------------------------------------------

    async def signed_in(self, client: Client) -> None:
        """Sign head office in at a fresh server, or again."""
        if self._password.startswith("own-"):
            await client.sign_in("admin", self._password)
            return
        fresh = f"own-{secrets.token_urlsafe(9)}"
        await client.sign_in("admin", self._password)
        await client.change_password(self._password, fresh)
        self._password = fresh
        await client.sign_in("admin", fresh)


def until(holds: Callable[[], object], what: str, patience: float = PATIENCE) -> float:
    """Wait for something; gives how many seconds it took. DidNotWork if it does not come."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() > began + patience:
            raise DidNotWork(f"Waited {patience:.0f} s in vain for {what}")
        time.sleep(LOOK)
    return time.monotonic() - began


async def comes(holds: Callable[[], Awaitable[bool]], what: str, patience: float = PATIENCE) -> float:
    """The same of what must be asked of the server, which may be away meanwhile."""
    began = time.monotonic()
    while True:
        try:
            if await holds():
                return time.monotonic() - began
        except ClientError as error:
            what_else = f" ({error})"
        else:
            what_else = ""
        if time.monotonic() > began + patience:
            raise DidNotWork(f"Waited {patience:.0f} s in vain for {what}{what_else}")
        await asyncio.sleep(LOOK)


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def kill(process: Running) -> None:
    """kill -9 of a program with all it started (a wrapper such as strace has the real one below it)."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def bench(
    home: Path,
    bank: Bank,
    *,
    host: str = "127.0.0.1",
    wrap: Mapping[str, Sequence[str]] | None = None,
    database: str | None = None,
    environment: dict[str, str] | None = None,
    warm: dict[str, str] | None = None,
) -> Iterator[Bench]:
    """A bench in an empty folder; all it started ends with the block. With `warm`, more environment, server and agent
    are forked from processes that have loaded their code."""
    home.mkdir(parents=True, exist_ok=True)
    said = {"BRANCHFLEET_HOME": str(home / "server"), "PYTHONUNBUFFERED": "1", **(environment or {})}
    with programs(home, said) as started:
        made = Bench(
            started,
            home,
            bank,
            host=host,
            wrap=wrap,
            database=database,
            warm=None if warm is None else {**said, **warm},
        )
        try:
            made.set_up()
            yield made
        finally:
            made.close()
