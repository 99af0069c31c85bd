"""What every simulator offers: a state to set, faults to switch on, and an account of what it showed.

A simulator speaks the real protocol from the other end: a pty or TCP port for serial families, UDP for SNMP, a folder
for files. Programs and people use the same one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from math import isfinite
from typing import Any, Protocol


class Fault(StrEnum):
    NONE = "none"
    SILENT = "silent"  # takes the question, never answers
    SLOW = "slow"  # answers after longer than any driver waits
    HALF = "half"  # stops in the middle of its answer
    GARBAGE = "garbage"  # answers bytes that are not the protocol
    HANG_UP = "hang-up"  # closes the link instead of answering


# Called as `showed(simulator name, what it showed)` each time a whole answer went out, with the state it told of:
# {"paper": "out"}. The demo compares this with what reached the server.
Showed = Callable[[str, dict[str, str]], None]


class Simulator(Protocol):
    """One simulated device. `state` holds the catalogue's parts and numbers as text: {"paper": "ok", "load": "35"}.

    One that has an attribute `garbage` answers these bytes while its fault is GARBAGE; `noise.py` changes them."""

    name: str
    fault: Fault
    state: dict[str, str]
    showed: Showed | None

    async def start(self) -> str:
        """Begin to answer; gives the address for a driver: a port, "socket://HOST:PORT", "HOST:PORT" or a folder."""

    async def close(self) -> None:
        """Stop, and leave no port, socket, task or file behind."""


Known = Mapping[str, Collection[str] | None]  # the words of each part; None: a number


class WrongState(ValueError):
    """What a simulator cannot show: one sentence. `known` is all that can be set in it, for a list of that."""

    def __init__(self, sentence: str, known: Known) -> None:
        super().__init__(sentence)
        self.known = known


def check_state(what: str, state: Mapping[str, str], known: Known) -> None:
    """WrongState if `state` holds a part that `what` does not have, or says what it cannot."""
    for key, said in state.items():
        if key not in known:
            raise WrongState(f'{what} has no "{key}"; it has {", ".join(known) or "nothing to set"}', known)
        words = known[key]
        if words is None and not is_number(said):
            raise WrongState(f'{key} of {what} is a number, and "{said}" is none', known)
        if words is not None and said not in words:
            raise WrongState(f'{key} of {what} cannot be "{said}"; it can be {_listed(words)}', known)


def known_words(said: Mapping[str, Iterable[str]], told_by_error: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The words of each part that has them in every answer, and those it is told to be by an error alone."""
    known = {key: list(words) for key, words in said.items()}
    for key, word in told_by_error:
        known.setdefault(key, ["ok"]).append(word)
    return known


def is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def check_options(what: str, options: Mapping[str, object], driver_s: type[Any], *own: str) -> None:
    """ValueError if there is an option that is neither the driver's, nor `own`, nor `port`."""
    known = [*own, "port", *driver_s.model_fields]
    for key in options:
        if key not in known:
            raise ValueError(f'{what} has no option "{key}"; it has {_listed(known)}')


def choice(options: Mapping[str, object], key: str, words: Collection[str], default: str) -> str:
    """What an option says, one of `words`; else ValueError."""
    said = str(options.get(key, default))
    if said not in words:
        raise ValueError(f'{key} cannot be "{said}"; it can be {_listed(words)}')
    return said


def whole(options: Mapping[str, object], key: str, most: int, default: int = 0) -> int:
    """What an option says, a whole number from 0 to `most`; else ValueError."""
    said = str(options.get(key, default))
    if not said.isdecimal() or int(said) > most:
        raise ValueError(f'{key} is a whole number up to {most}, and "{said}" is none')
    return int(said)


def read_port(options: Mapping[str, object], default: int = 0) -> int:
    """The `port` to answer at; 0 is any that is free."""
    return whole(options, "port", 65535, default)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
