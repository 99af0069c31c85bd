"""A simulated ATM that speaks XFS4IoT: its publisher and six services on one port, over real websockets.

Options: `version` "2021-1" or "3.0", `host` and `port` to answer at (127.0.0.1 and any that is free), `certificate` and
`key`, paths of PEM files, for TLS. State: the parts of `xfs4iot_words.HEALTHY` and of its table, cassette.count.N, and
module.SERVICE for a service's own device. While somebody is connected, a change of `state` is told unasked, as a real
machine does. `heard` has the last commands that came.
"""

import asyncio
import http
import logging
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from drivers.atm.xfs4iot import Xfs4IotOptions
from drivers.sim import xfs4iot_words as words
from drivers.sim.base import Fault, Showed, check_options, choice, read_port

HEARD = 1000
SLOW_SECONDS = 40.0  # longer than the driver's whole time
PATH = "/xfs4iot/v1.0"
GARBAGE = '\x00[/x]=cmd|\'/c calc\'!A0\x1b[2J{"header":{"name":7}}\u202e存'.encode()
_SILENCE = logging.getLogger("drivers.sim.xfs4iot.websockets")
_SILENCE.addHandler(logging.NullHandler())
_SILENCE.propagate = False  # a handshake that fails is the caller's to tell


class Watched(dict[str, str]):
    """A state that says what changed in it."""

    def __init__(self, state: Mapping[str, str], check: Callable[[str, str], None]) -> None:
        super().__init__(state)
        self._check = check
        self.changed: Callable[[Iterable[str]], None] = lambda keys: None

    def __setitem__(self, key: str, word: str) -> None:
        self.update({key: word})

    def update(self, *others: Any, **more: str) -> None:
        new = dict(*others, **more)
        for key, word in new.items():
            self._check(key, word)
        changed = [key for key, word in new.items() if self.get(key) != word]
        super().update(new)
        self.changed(changed)


class Xfs4IotSimulator:
    """`showed` is called when every part was told since it was called last: a poll asks service by service."""

    def __init__(self, name: str, options: Mapping[str, object], state: Mapping[str, str]) -> None:
        self.name = name
        self.fault = Fault.NONE
        self.garbage = GARBAGE
        self.showed: Showed | None = None
        self.heard: deque[dict[str, Any]] = deque(maxlen=HEARD)
        self._version = choice(options, "version", (words.OLD, "3.0"), "3.0")
        self._host = str(options.get("host", "127.0.0.1"))
        self._port = read_port(options)
        self._certificate = (options.get("certificate"), options.get("key"))
        self._server: Server | None = None
        self._connected: dict[ServerConnection, str] = {}
        self._told: dict[str, str] = {}
        watched = Watched(words.HEALTHY, lambda key, word: words.check(key, word, self._version))
        watched.update(state)
        watched.changed = self._push
        self._state = watched

    @property
    def state(self) -> dict[str, str]:
        return self._state

    @state.setter
    def state(self, state: dict[str, str]) -> None:
        """Put in the place of the old one: what it no longer has is gone without a word."""
        for key in self._state.keys() - state.keys():
            del self._state[key]
        self._state.update(state)

    @property
    def connections(self) -> int:
        return len(self._connected)

    async def start(self) -> str:
        certificate, key = self._certificate
        tls = None
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(str(certificate), str(key) if key else None)
        self._server = await serve(
            self._serve,
            self._host,
            self._port,
            ssl=tls,
            process_request=_only_xfs4iot,
            compression=None,
            ping_interval=None,
            close_timeout=0.2,
            logger=_SILENCE,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        return f"wss://{self._host}:{self._port}{PATH}" if tls else f"{self._host}:{self._port}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, connection: ServerConnection) -> None:
        path = connection.request.path if connection.request else ""
        self._connected[connection] = path.rstrip("/")[len(PATH) + 1 :]  # "" is the publisher
        with suppress(ConnectionClosed):
            try:
                async for frame in connection:
                    await self._answer(connection, msgspec.json.decode(frame))
            finally:
                del self._connected[connection]

    async def _answer(self, connection: ServerConnection, command: dict[str, Any]) -> None:
        header = command["header"]
        self.heard.append(command)
        if self.fault is Fault.SILENT:
            return
        if self.fault is Fault.HANG_UP:
            connection.transport.abort()
            return
        if self.fault is Fault.GARBAGE:
            await connection.send(self.garbage, text=True)
            return
        if self.fault is Fault.SLOW:
            with suppress(TimeoutError):
                await asyncio.wait_for(connection.wait_closed(), SLOW_SECONDS)
        service = self._connected[connection]
        code, payload = self._completion(service, header)
        await connection.send(self._message(header, "acknowledge"))
        whole = self._message(header, "completion", payload, code)
        if self.fault is Fault.HALF:
            await connection.send(whole[: len(whole) // 2])
            return
        await connection.send(whole)
        if code == "success":
            self._tell(service, header["name"])

    def _completion(self, service: str, header: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """A service that does not know a version of a command says that it failed inside."""
        if header.get("version") != ("1.0" if self._version == words.OLD else "2.0"):
            return "internalError", {}
        match service, header["name"]:
            case "", "ServicePublisher.GetServices":
                scheme = "wss" if self._certificate[0] else "ws"
                base = f"{scheme}://localhost:{self._port}{PATH}"
                return "success", {
                    "vendorName": "Simulated",
                    "services": [{"serviceURI": f"{base}/{name}"} for name in words.SERVICES],
                }
            case _, "Common.Status" if service in words.SERVICES:
                return "success", words.status(service, self._state, self._version)
            case words.CASH, "Storage.GetStorage":
                return "success", words.storage(self._state, self._version)
        return "unsupportedCommand", {}

    def _message(
        self, asked: Mapping[str, Any], kind: str, payload: Mapping[str, Any] | None = None, code: str | None = None
    ) -> str:
        header: dict[str, Any] = {"type": kind, "name": asked["name"], "requestId": asked["requestId"]}
        message: dict[str, Any] = {"header": header}
        if self._version == words.OLD:
            header["version"] = "1.0"
            message["payload"] = {"status": "ok"} if code is None else {"completionCode": code, **(payload or {})}
        else:
            header["version"] = "2.0"
            if code is not None:
                header["completionCode"] = code
                message["payload"] = payload
        return msgspec.json.encode(message).decode()

    def _tell(self, service: str, command: str) -> None:
        """What the answer told of; once nothing is left untold, it was shown."""
        stored = command == "Storage.GetStorage"
        for key, word in self._state.items():
            unit = key.startswith(("cassette.", "retract."))
            if words.owner(key, self._version) == service and unit == stored:
                self._told[key] = word
        if self._told.keys() >= self._state.keys():
            told, self._told = self._told, {}
            if self.showed is not None:
                self.showed(self.name, {key: word for key, word in told.items() if not word.isdecimal()})

    def _push(self, changed: Iterable[str]) -> None:
        """What a machine says unasked when it changes: only that, never what a poll would not find."""
        if self.fault is not Fault.NONE:
            return
        for key in changed:
            service = words.owner(key, self._version)
            name, payload = self._event(key, service)
            header: dict[str, Any] = {"type": "unsolicited", "name": name}
            header |= {"requestId": 0, "version": "1.0"} if self._version == words.OLD else {"version": "3.0"}
            listeners = [connection for connection, its in self._connected.items() if its == service]
            broadcast(listeners, msgspec.json.encode({"header": header, "payload": payload}).decode())

    def _event(self, key: str, service: str) -> tuple[str, dict[str, Any]]:
        family, _, instance = key.rpartition(".")
        word = self._state[key]
        if family == "cassette.count":
            return "Storage.CountsChangedEvent", self._unit(instance)
        if family in ("cassette", "retract"):
            kind = "Threshold" if word in ("ok", "low", "empty", "high", "full") else "Changed"
            return f"Storage.Storage{kind}Event", self._unit(instance)
        if self._version == words.OLD:
            if family == "paper":
                return "Printer.PaperThresholdEvent", {"paperSource": instance, "threshold": word}
            if key == "card":
                return f"CardReader.Media{'Removed' if word == 'none' else 'Inserted'}Event", {}
            return "Common.StatusChangedEvent", words.status(service, self._state, self._version)["common"]
        return "Common.StatusChangedEvent", words.status(service, self._state, self._version)

    def _unit(self, number: str) -> dict[str, Any]:
        units = words.storage(self._state, self._version)["storage"]
        return {name: unit for name, unit in units.items() if name == f"unit{number}"}


def _only_xfs4iot(connection: ServerConnection, request: Request) -> Response | None:
    service = request.path.rstrip("/").removeprefix(PATH).lstrip("/")
    if request.path.startswith(PATH) and service in ("", *words.SERVICES):
        return None
    return connection.respond(http.HTTPStatus.NOT_FOUND, "no such service\n")


def make(name: str, options: dict[str, object], state: dict[str, str], folder: Path) -> Xfs4IotSimulator:
    check_options("a simulated ATM", options, Xfs4IotOptions, "version", "host", "certificate", "key")
    for file in filter(None, (options.get("certificate"), options.get("key"))):
        if not Path(str(file)).is_file():
            raise ValueError(f"certificate and key are PEM files, and there is none at {file}")
    return Xfs4IotSimulator(name, options, state)
