"""Looking for what answers SNMP: one question to a host, and only a host that answers it is asked what it is."""

from msgspec.structs import replace

from drivers.base import Found, Reading, Shared, Turn
from drivers.errors import Garbled, Unreachable
from drivers.snmp.asking import Asking
from drivers.snmp.device import Device, peer_of
from drivers.snmp.driver import SnmpOptions, split_address
from drivers.snmp.engine import Asks, Peer, SnmpEngine, resolve
from drivers.snmp.known import choose
from drivers.snmp.message import Answer, Question
from drivers.snmp.profile import ORDER, UPSES

FIRST_SECONDS = 1.5  # for the first question; most hosts never answer it

_CLASSES = {
    "atm-ncr": "atm",
    "printer": "printer",
    "network": "router",
    "windows": "pc",
    **dict.fromkeys(UPSES, "ups"),
}


class Paced:
    """An engine whose every question waits for its turn."""

    def __init__(self, engine: Asks, turn: Turn) -> None:
        self._engine = engine
        self._turn = turn

    async def ask(self, peer: Peer, question: Question, wait: float) -> Answer:
        await self._turn()
        return await self._engine.ask(peer, question, wait)


async def look(address: str, options: SnmpOptions, shared: Shared, turn: Turn) -> Found | None:
    engine = Paced(await shared.get(SnmpEngine), turn)
    try:
        place = await resolve(*split_address(address))
        profile = await choose(Asking(engine, peer_of(place, options), min(options.wait, FIRST_SECONDS)), ORDER)
    except (Unreachable, Garbled):
        return None
    if options.profile != "auto":
        profile = options.profile
    device = Device(engine, place, replace(options, profile=profile))
    reading = await device.poll()
    return Found(address=address, cls=_class(profile, reading), options={"profile": profile}, identity=reading.identity)


def _class(profile: str, reading: Reading) -> str:
    """Routers and switches tell their ports, and hosts their processes as well."""
    return _CLASSES.get(profile) or ("pc" if "processes" in reading.numbers else "router")
