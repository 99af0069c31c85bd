"""ATMs and cash recyclers that speak XFS4IoT (CWA 17852): JSON over websockets, a service for each device inside.

    publisher  ws(s)://HOST:PORT/xfs4iot/v1.0              ServicePublisher.GetServices -> where the services are
    service    ws(s)://HOST:PORT/xfs4iot/v1.0/CardReader1  Common.Status, and Storage.GetStorage where it has cash

These three commands are all that is ever sent. Names, words and both generations of messages as KAL's open framework
has them (KAL_XFS4IoT_SP-Dev, and the JSON schema of release 2021-1 in its samples, MIT). GetStorage goes to services
with cash alone: that framework hangs up on a command a service has no handler for.

**The device word** is of the whole machine: the gravest word of the services a customer cannot do without (card reader,
cash, encryptor), from fraudAttempt through hardwareError, powerOff, offline, userError, potentialFraud and unknown down
to starting; a machine with none of these counts all it has. Fraud counts wherever it is seen. A broken receipt printer
is a part (`module.Printer1`), not the machine. A busy reader has a customer at it: the machine is online. A service
that says noDevice is not meant to be there. Vendor mode is a part as well: somebody works at the machine.

**Between polls** the links stay open, and `news` listens on them for what services say unasked. It is never read for
more than that something changed. Nothing is missed between a poll and listening: both read the same links in order.
"""

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Annotated, ClassVar

import msgspec
from msgspec.structs import force_setattr

from drivers.atm import address as addresses
from drivers.atm.message import GET_SERVICES, GET_STORAGE, STATUS
from drivers.atm.service import Answer, Kept, Service
from drivers.atm.status import Said, line, machine_word, read_status, together
from drivers.atm.storage import read_storage
from drivers.atm.tls import context
from drivers.base import DeviceWord, DriverOptions, Found, Reading, Shared, Turn, cut_raw
from drivers.errors import DeviceError, Garbled, NotSupported, Reason, Refused, Unreachable
from drivers.options import Check

CONNECT_SECONDS = 3.0
PORT_SECONDS = 1.0  # for each port where the publisher is looked for
FIND_SECONDS = 8.0  # for all of them
SERVICE_SECONDS = 12.0  # for one service; they are asked at the same time, each being a device of its own
_COUNT = msgspec.Meta(ge=0)
SOME_CASSETTE = "cassette"  # where none was ever told
PARTS = 200  # of one service that are remembered; a recycler has some 30
# Which of the reasons found on the way says most, where no port had a publisher.
_TELLING = (Refused, Garbled, NotSupported, Unreachable)


def _digits(pin: str) -> str:
    digits = pin.replace(":", "").replace(" ", "").lower()
    if digits and (len(digits) != 64 or not set(digits) <= set("0123456789abcdef")):
        raise ValueError("is not a SHA-256 fingerprint: 64 hexadecimal digits")
    return digits


class Xfs4IotOptions(DriverOptions):
    """`ca`: a file with the CA that signed the ATMs' certificates; `pin`: the SHA-256 of one ATM's own certificate.
    Either means TLS. `events`: whether links stay open between polls. `low`, `full`: as for NCR's terminals."""

    ca: str = ""
    pin: Annotated[str, Check(_digits)] = ""
    trust_any_certificate: bool = False  # TLS that keeps out nobody who can stand between
    events: bool = True
    low: Annotated[int, _COUNT] = 200  # notes below which a cassette is low, where it counts and has no word itself
    full: Annotated[int, _COUNT] = 0  # notes at which it is full; 0: nobody says
    wait: Annotated[float, msgspec.Meta(ge=0.05, le=5.0)] = 4.0  # seconds for each answer

    def __post_init__(self) -> None:
        super().__post_init__()
        force_setattr(self, "pin", _digits(self.pin))
        if sum((bool(self.ca), bool(self.pin), self.trust_any_certificate)) > 1:
            raise ValueError("`ca`, `pin` and `trust_any_certificate` exclude each other")

    @property
    def secure(self) -> bool:
        return bool(self.ca or self.pin or self.trust_any_certificate)

    def context(self) -> ssl.SSLContext:
        """Reads files: in a thread, please."""
        return context(ca=self.ca, pin=self.pin, trust_any_certificate=self.trust_any_certificate)


class Xfs4Iot:
    Options: ClassVar[type[Xfs4IotOptions]] = Xfs4IotOptions
    timeout: ClassVar[float] = 35.0

    def __init__(self, address: str, options: Xfs4IotOptions, shared: Shared) -> None:
        self._candidates = addresses.publishers(address, secure=options.secure)
        self._options = options
        self._shared = shared
        self._tls: ssl.SSLContext | None = None
        self._publisher: Service | None = None  # where it was found; looked for anew once it is not there any more
        self._services: dict[str, Service] = {}  # by name
        self._whole = False  # the last poll came to its end, so the links are worth keeping

    @staticmethod
    def check_address(address: str) -> str | None:
        return addresses.check(address)

    async def open(self) -> None:
        self._whole = False
        if self._publisher is None:
            self._publisher = await self._find()
            return
        try:
            await self._open(self._publisher)
        except DeviceError:
            self._publisher = None
            raise

    async def poll(self) -> Reading:
        if self._publisher is None:
            raise Unreachable(Reason.HUNG_UP, "no publisher was found")
        publisher = await self._publisher.ask(GET_SERVICES, self._options.wait)
        await self._take(addresses.services(self._publisher.url, publisher.payload.get("services")))
        if not self._services:
            raise NotSupported(Reason.NOT_IN_DEVICE, "the publisher names no services", raw=publisher.raw)
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(self._look(service)) for service in self._services.values()]
        self._whole = True
        return reading(publisher, [look.result() for look in looks])

    async def close(self) -> None:
        if not (self._whole and self._options.events):
            await asyncio.gather(*(service.close() for service in self._links()))

    async def news(self) -> bool:
        """True once any service has said unasked that something changed; False where no link is kept."""
        links = [service for service in self._links() if service.is_kept]
        if not links:
            return False
        listening = [asyncio.create_task(service.listen()) for service in links]
        try:
            await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in listening:
                task.cancel()
            ends = await asyncio.gather(*listening, return_exceptions=True)
        lost = {service: end for service, end in zip(links, ends, strict=True) if isinstance(end, Exception)}
        await asyncio.gather(*(service.close() for service in lost))
        heard = any(service.news for service in links)
        for service in links:
            service.news = False
        if lost and not heard:
            raise next(iter(lost.values()))
        return heard

    @classmethod
    async def look(cls, address: str, options: Xfs4IotOptions, shared: Shared, turn: Turn) -> Found | None:
        from drivers.atm.looking import look

        return await look(address, options, turn)

    def _links(self) -> list[Service]:
        return [*([self._publisher] if self._publisher else []), *self._services.values()]

    async def _make(self, name: str, url: str) -> Service:
        service = Service(name, url)
        (await self._shared.get(Kept)).services.add(service)
        return service

    async def _open(self, service: Service, seconds: float = CONNECT_SECONDS) -> None:
        if self._options.secure and not service.is_secure:
            sentence = f"`ca`, `pin` and `trust_any_certificate` want wss://, not {service.url}"
            raise NotSupported(Reason.BAD_OPTIONS, sentence)
        if service.is_secure and self._tls is None:
            self._tls = await asyncio.to_thread(self._options.context)
        await service.open(self._tls if service.is_secure else None, seconds)

    async def _find(self) -> Service:
        """The publisher on the first port that has one."""
        seconds = PORT_SECONDS if len(self._candidates) > 1 else CONNECT_SECONDS
        loop = asyncio.get_running_loop()
        until = loop.time() + FIND_SECONDS
        errors: list[DeviceError] = []
        for url in self._candidates:
            publisher = await self._make("publisher", url)
            try:
                await self._open(publisher, seconds)
            except DeviceError as error:
                errors.append(error)
            else:
                return publisher
            if loop.time() >= until or errors[-1].reason is Reason.NAME_UNKNOWN:
                break
        telling = min(errors, key=lambda error: next(n for n, kind in enumerate(_TELLING) if isinstance(error, kind)))
        if len(self._candidates) == 1:
            raise telling
        detail = f"none of the standard's ports has a publisher; of one is said: {telling.detail}"
        raise type(telling)(telling.reason, detail, raw=telling.raw) from telling

    async def _take(self, told: dict[str, str]) -> None:
        """The services named now keep their links. One that was named before and is no more stays, to be unknown: a
        machine that lost its cash service is not well without it."""
        lost = {name: "" for name in self._services if name not in told}
        services = {}
        for name, url in islice({**told, **lost}.items(), addresses.SERVICES):
            service = services[name] = self._services.get(name) or await self._make(name, url)
            if service.url != url:
                await service.close()
                service.url = url
        self._services = services

    async def _look(self, service: Service) -> Said:
        """What one service says. One that fails costs the others nothing: what it told before is unknown now."""
        try:
            async with asyncio.timeout(SERVICE_SECONDS):
                if not service.url:
                    raise Refused(Reason.NEGATIVE_ANSWER, "the publisher gives no address for it that can be used")
                await self._open(service)
                status = await service.ask(STATUS, self._options.wait)
                said = read_status(service.name, status.payload)
        except (DeviceError, TimeoutError) as error:
            await service.close()
            return _silent(service, error)
        said = said.plus(raw={_question(service, STATUS): status.raw})
        if said.has_cash:
            said = await self._look_at_cash(service, said)
        return _remembered(service, said)

    async def _look_at_cash(self, service: Service, said: Said) -> Said:
        try:
            storage = await service.ask(GET_STORAGE, self._options.wait)
            units = read_storage(storage.payload, self._options.low, self._options.full)
        except DeviceError as error:
            await service.close()
            known = any(part.startswith(("cassette.", "retract.")) for part in service.parts)
            raw = {_question(service, GET_STORAGE): error.raw}
            return said.plus(
                parts={} if known else {SOME_CASSETTE: "unknown"}, texts={SOME_CASSETTE: line(error.detail)}, raw=raw
            )
        raw = {_question(service, GET_STORAGE): storage.raw}
        return said.plus(parts=units.parts, numbers=units.numbers, texts=units.texts, raw=raw)


# -- what they said, as one reading ---------------------------------------------------------------------------------


def reading(publisher: Answer, said: Iterable[Said]) -> Reading:
    """Raw answers in which something was unknown come first: what is cut off is what was understood."""
    told = list(said)
    ordered = sorted(told, key=lambda one: "unknown" not in one.parts.values())
    raw = {question: answer for one in ordered for question, answer in one.raw.items() if answer}
    return Reading(
        device=machine_word(told),
        parts=together(told, "parts"),
        numbers=together(told, "numbers"),
        texts=together(told, "texts"),
        identity=identity(publisher),
        raw=cut_raw({**raw, GET_SERVICES: publisher.raw}),
    )


def identity(publisher: Answer) -> dict[str, str]:
    vendor = publisher.payload.get("vendorName")
    return {"maker": line(vendor)} if isinstance(vendor, str) and vendor else {}


def _remembered(service: Service, said: Said) -> Said:
    """With what the service told before and leaves out now: that is unknown, and not gone. Neither is a machine of
    use again without a service because it does not speak of its cash any more."""
    if service.parts:
        said = replace(said, needed=said.needed or service.needed)
    lost = [part for part in service.parts if part not in said.parts]
    service.parts = tuple(part for part in (*said.parts, *lost) if part != SOME_CASSETTE)[:PARTS]
    service.needed = said.needed
    return said.plus(parts=dict.fromkeys(lost, "unknown"))


def _silent(service: Service, error: DeviceError | TimeoutError) -> Said:
    module = f"module.{service.name}"
    detail = error.detail if isinstance(error, DeviceError) else f"it did not answer in {SERVICE_SECONDS:g} s"
    raw = {_question(service, STATUS): error.raw} if isinstance(error, DeviceError) else {}
    parts = dict.fromkeys((module, *service.parts), "unknown")
    return Said(service.name, DeviceWord.UNKNOWN, service.needed, parts, texts={module: line(detail)}, raw=raw)


def _question(service: Service, command: str) -> str:
    return f"{service.name} {command}"
