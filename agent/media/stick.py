"""A removable medium, as its maker calls it. Any of it is the word of who made it, and no more."""

from typing import Final, NamedTuple

from agent.tidy import tidy_text

TEXT: Final = 80  # characters of each


class Stick(NamedTuple):
    """`serial` is "" where the medium has none of its own. `bytes` is 0 where that is not told."""

    serial: str
    vendor: str
    model: str
    bytes: int = 0
    kind: str = "usb"  # usb, card


Sticks = dict[str, Stick]  # by where it stands now; a name that comes back for another medium is another one


def stick(serial: str, vendor: str, model: str, size: int = 0, kind: str = "usb") -> Stick:
    """Each in one line, without what only fills it up."""
    serial, vendor, model = (tidy_text(one, TEXT).strip(" \0_") for one in (serial, vendor, model))
    return Stick(serial, vendor, model, size, kind)
