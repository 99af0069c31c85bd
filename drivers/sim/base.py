"""What every simulator offers: a state to set, faults to switch on, and an account of what it showed.

A simulator speaks the real protocol from the other end: a pty or TCP port for serial families, UDP for SNMP, a folder
for files. Programs and people use the same one.
"""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Protocol


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


def check_state(what: str, state: Mapping[str, str], known: Mapping[str, Collection[str]]) -> None:
    """ValueError, a sentence, if `state` holds a part that `what` does not have, or says a word it cannot."""
    for key, word in state.items():
        if key not in known:
            raise ValueError(f'{what} has no "{key}"; it has {", ".join(known)}')
        if word not in known[key]:
            raise ValueError(f'{key} of {what} cannot be "{word}"; it can be {", ".join(known[key])}')
