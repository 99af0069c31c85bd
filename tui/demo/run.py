"""The demo's order of doing: simulators, a fresh home, the inventory, the server, the agents, then a person or a clock.

Everything is started as a person would start it, by the commands the docs name.
"""

import asyncio
import json
import secrets
import socket
import ssl
import threading
import time
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Any

from server.schemas.observations import ObservationOut
from server.schemas.status import Status
from tui.client import Client
from tui.demo import bank
from tui.demo.account import Shown, lost, shown
from tui.demo.processes import DidNotWork, Programs, command, module
from tui.failures import Away
from tui.texts import _

READY_SECONDS = 90.0
SETTLE_SECONDS = 30.0  # an answer given last is polled, written, sent and held within this, or it is lost
ASK_EVERY = 0.2  # seconds between two looks at something awaited

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a headless demo says at its end. `lost`: changes the simulators showed that the server does not hold."""

    branches: int
    positions: int
    agents: int
    observations: int
    conditions: int
    tickets: int
    lost: int


@dataclass(frozen=True)
class Living:
    """A demo that runs: where its server is, and who may sign in with which password. The first is head office."""

    url: str
    ca: Path  # what the server's certificate is verified by
    token: str
    home: Path
    logins: dict[str, str]

    def client(self, token: str | None = None) -> Client:
        return Client(self.url, token=token, trust=ssl.create_default_context(cafile=self.ca))


def settings() -> dict[str, Any]:
    """demo.toml: states to begin with, the story, people, rules made short."""
    return tomllib.loads(files("tui.demo").joinpath("demo.toml").read_text(encoding="utf-8"))


async def begin(started: Programs, home: Path, say: Say) -> Living:
    """Bring a bank to life in `home`; DidNotWork if a program of ours does not do its part."""
    demo = settings()
    tables = bank.load()
    say(_("Starting the simulators"))
    addresses = await asyncio.to_thread(_simulators, started, home, tables, demo)
    say(_("Setting up the server and applying the inventory"))
    inventory = home / "inventory.toml"
    bank.write(bank.rewrite(tables, addresses, demo), inventory)
    head = demo["person"][0]["login"]
    init = started.say("branchfleet-server", "init", "--login", head, "--name", demo["person"][0]["name"], "--json")
    started.say("branchfleet-server", "apply", str(inventory), "--yes")
    port = _free_port()
    started.start("server", [command("branchfleet-server"), "run", "--port", str(port)])
    url = f"https://127.0.0.1:{port}"
    logins = {head: secrets.token_urlsafe(9)}
    ca = home / "server" / "tls" / "ca.pem"
    async with Client(url, trust=ssl.create_default_context(cafile=ca)) as client:
        await _until(lambda: _signed_in(client, head, json.loads(init)["password"]), started, "the server")
        await client.change_password(json.loads(init)["password"], logins[head])
        await client.sign_in(head, logins[head])
        for person in demo["person"][1:]:
            logins[person["login"]] = _add(started, person)
        say(_("Starting the agents"))
        starting = [asyncio.to_thread(enroll, started, home, url, agent) for agent in tables["agent"]]
        await asyncio.gather(*starting)
        await _until(lambda: _any_observation(client), started, "the first observation")
        started.tell("simulators", "begin")
        (home / "people.json").write_text(json.dumps({"url": url, "ca": str(ca), "people": logins}), encoding="utf-8")
        return Living(url, ca, client.token or "", home, logins)


def enroll(started: Programs, home: Path, url: str, agent: dict[str, Any]) -> None:
    """Make a home for an agent, enrol it by a one-time code, and start it."""
    key = agent["key"]
    code = json.loads(started.say("branchfleet-server", "agent", "code", agent["branch"], "--agent", key, "--json"))
    started.say(
        "branchfleet-agent", "enroll", url, "-", "--home", str(home / f"agent-{key}"), stdin=code["code"] + "\n"
    )
    start_agent(started, home, key)


def start_agent(started: Programs, home: Path, key: str) -> None:
    started.start(f"agent-{key}", [command("branchfleet-agent"), "run", "--home", str(home / f"agent-{key}")])


def live(started: Programs, demo: Living, end: threading.Event, seconds: float = inf) -> None:
    """Let the bank live until `end` or for `seconds`, its written outages happening; DidNotWork if a program ends by
    itself.

    An outage is a branch PC switched off for a while: its agent ends, politely or not, and is started again.
    """
    begun = time.monotonic()
    off: dict[str, float] = {}
    planned = sorted(settings()["outage"], key=lambda outage: float(outage["at"]))
    while not end.wait(ASK_EVERY) and (now := time.monotonic()) < begun + seconds:
        while planned and begun + planned[0]["at"] <= now:
            outage = planned.pop(0)
            started.stop(f"agent-{outage['agent']}", hard=outage["hard"])
            off[outage["agent"]] = now + outage["seconds"]
        for key in [key for key, back in off.items() if back <= now]:
            del off[key]
            start_agent(started, demo.home, key)
        started.check()
    for key in off:  # whoever is still switched off comes back, to send what it had
        start_agent(started, demo.home, key)


async def account(started: Programs, demo: Living) -> Outcome:
    """End the story, let the polls under way come in, end the agents, and count what is held when all is judged."""
    started.tell("simulators", "end")
    async with demo.client(demo.token) as client:
        await _comes(lambda: _nothing_missing(client, demo), started, SETTLE_SECONDS)
        agents = [name for name in started.names() if name.startswith("agent-")]
        await asyncio.gather(*(asyncio.to_thread(started.stop, name) for name in agents))
        await _until(lambda: _all_judged(client), started, "the last record to be judged")
        status = await client.status()
        missing = await _missing(client, demo)
    (demo.home / "lost.json").write_text(json.dumps(missing, ensure_ascii=False, indent=1), encoding="utf-8")
    return Outcome(
        branches=status.branches,
        positions=status.positions,
        agents=status.agents,
        observations=status.observations,
        conditions=status.conditions,
        tickets=status.tickets,
        lost=len(missing),
    )


async def _missing(client: Client, demo: Living) -> list[Shown]:
    return lost(shown(demo.home / "shown.log"), await _observations(client))


def _simulators(started: Programs, home: Path, tables: bank.Tables, demo: dict[str, Any]) -> dict[str, str]:
    """Start the world; gives the address of each subject."""
    simulated = bank.simulated(tables, demo)
    world = {
        "simulators": [
            {"name": one.name, "kind": one.kind, "options": one.options, "state": one.state} for one in simulated
        ],
        "story": {"event": demo["event"], "every": demo["every"]},
        "log": str(home / "shown.log"),
        "folder": str(home / "devices"),
    }
    (home / "devices").mkdir()
    file = home / "world.json"
    file.write_text(json.dumps(world, ensure_ascii=False, indent=1), encoding="utf-8")
    process = started.start("simulators", [*module("drivers.sim"), str(file)], talks=True)
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise DidNotWork(_("The simulators did not start; see {log}").format(log=home / "logs" / "simulators.log"))
    by_name: dict[str, str] = json.loads(line)["addresses"]
    return {subject: by_name[one.name] for one in simulated for subject in one.subjects}


def _add(started: Programs, person: dict[str, Any]) -> str:
    """Add a person as head office would; gives the one-time password."""
    scope = [word for branch in person.get("branches", []) for word in ("--branch", branch)]
    said = started.say(
        "branchfleet-server", "person", "add", person["login"],
        "--name", person["name"], "--role", person["role"], *scope, "--json",
    )  # fmt: skip
    password: str = json.loads(said)["password"]
    return password


async def _until(holds: Callable[[], Awaitable[bool]], started: Programs, what: str) -> None:
    if not await _comes(holds, started, READY_SECONDS):
        raise DidNotWork(_("Waited {n} s in vain for {what}").format(n=int(READY_SECONDS), what=what))


async def _comes(holds: Callable[[], Awaitable[bool]], started: Programs, seconds: float) -> bool:
    """Whether `holds` comes true within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if await holds():
            return True
        started.check()
        await asyncio.sleep(ASK_EVERY)
    return await holds()


async def _signed_in(client: Client, login: str, password: str) -> bool:
    try:
        await client.sign_in(login, password)
    except Away:
        return False
    return True


async def _nothing_missing(client: Client, demo: Living) -> bool:
    return not await _missing(client, demo)


async def _any_observation(client: Client) -> bool:
    return (await client.status()).observations > 0


async def _all_judged(client: Client) -> bool:
    status: Status = await client.status()
    return status.health_lag == 0


async def _observations(client: Client) -> list[ObservationOut]:
    rows: list[ObservationOut] = []
    while True:
        page = await client.observations(after=rows[-1].id if rows else 0, limit=1000)
        if not page.rows:
            return rows
        rows += page.rows


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
