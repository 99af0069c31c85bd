"""What is plugged into this PC. A serial port is asked only as what a person says it is.

No question of any driver is harmless to whatever may be at a port: ESC j feeds an Epson's paper backwards and stops an
IBM Proprinter, ESC SP B sets an Epson's letter spacing, and plain letters are printed into whose passbook lies there.
A USB adapter's ids tell who made the adapter, never what is behind it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

from agent.assignment import make_target
from agent.discover.known import Known
from agent.discover.search import Sighting
from agent.inventory.problems import shown
from agent.poll import Poller
from agent.ports import Port, Readers
from agent.texts import _
from agent.typed import Bad, options_of, pairs, parted
from agent.wire import Polled, Reading
from drivers.base import Found, Shared
from drivers.registry import find, names

READER_DRIVER = "card_reader/pcsc"

# The class of machines a driver reads, by its name or the family before the slash.
_CLASSES = {
    "passbook": "passbook-printer",
    "card_reader": "card-reader",
    "ups": "ups",
    "atm": "atm",
    "pos": "pos",
    "printer": "printer",
    "escpos": "receipt-printer",
}


class Guess(NamedTuple):
    """A port and what a person says is there."""

    port: str
    driver: str
    options: dict[str, str]


def read_guess(text: str) -> Guess:
    """ "COM3=card_reader/crt,model=crt-310"; Bad if it is not that."""
    port, equals, said = text.partition("=")
    driver, *options = parted(said) or [""]
    if not equals or not port.strip() or not driver.strip():
        raise Bad(_("{text} is not PORT=DRIVER, like COM3=card_reader/crt,model=crt-310.").format(text=shown(text)))
    return Guess(port.strip(), driver.strip(), pairs(options))


def ask_ports(
    guesses: Iterable[Guess], known: Known, secret_of: Callable[[str], str], note: Callable[[str], None]
) -> list[Sighting]:
    """Poll each port once, by the driver that was named for it. What another program holds is not asked."""
    taken: set[str] = set()
    jobs = [(guess, _polled(guess, secret_of, taken)) for guess in guesses]

    async def main() -> list[Sighting]:
        shared = Shared()
        poller, found = Poller(), []
        try:
            for guess, (polled, written) in jobs:
                if known.has_port(guess.port):
                    note(_("{port} is polled already, and was not asked.").format(port=guess.port))
                    continue
                seen = await poller.poll(make_target(polled, shared))
                if seen.failure is None:
                    device = Found(address=guess.port, cls=class_of(guess.driver), identity=_said(seen.reading))
                    found.append(Sighting(guess.driver, device, written))
                else:
                    told = _("{port}, asked as {driver}, gave no reading: {why}.")
                    note(told.format(port=guess.port, driver=guess.driver, why=seen.failure.detail))
        finally:
            await shared.close()
        return found

    return asyncio.run(main()) if jobs else []


def _polled(guess: Guess, secret_of: Callable[[str], str], taken: set[str]) -> tuple[Polled, dict[str, object]]:
    try:
        kind = find(guess.driver)
    except LookupError:
        told = _("There is no driver {driver}; there are: {drivers}.")
        raise Bad(told.format(driver=shown(guess.driver), drivers=", ".join(names()))) from None
    if wrong := kind.check_address(guess.port):
        raise Bad(f"{shown(guess.port)} {_(wrong)}.")
    options = options_of(guess.driver, kind, guess.options, secret_of, taken)
    filled = options.asked_with.model_dump()
    polled = Polled(position="", name="", driver=guess.driver, address=guess.port, options=filled, interval=0.0)
    return polled, options.written


def _said(reading: Reading) -> dict[str, str]:
    """Who it says it is, and how it stands, so that a person sees whether it was the right driver."""
    return {**reading.identity, "state": str(reading.device), **reading.parts}


def propose_readers(readers: Readers, known: Known) -> list[Sighting]:
    """The card readers that no position names yet."""
    return [
        Sighting(READER_DRIVER, Found(address=address, cls=class_of(READER_DRIVER)), {})
        for address in readers.addresses
        if not known.has_port(address)
    ]


def class_of(driver: str) -> str:
    return _CLASSES.get(driver) or _CLASSES.get(driver.partition("/")[0], "other")


def unasked(ports: Iterable[Port], guesses: Iterable[Guess], known: Known) -> list[Port]:
    """The ports nobody said anything about."""
    said = {guess.port for guess in guesses}
    return [port for port in ports if port.address not in said and not known.has_port(port.address)]
