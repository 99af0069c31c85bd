"""What an agent says of a medium, bounded and cleaned, and what the register says to it. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from server.media.tables import STICK, MediaStick
from server.plain import clean
from server.schemas.media import SERIAL, StickStatus, StickWord, Way

LARGEST: Final = 1 << 60  # bytes
MANY: Final = 1_000_000


class Seen(NamedTuple):
    way: Way
    serial: str
    vendor: str
    model: str
    bytes: int
    left_out: int

    @property
    def stick(self) -> str:
        return stick_of(self.serial, self.vendor, self.model)

    @property
    def name(self) -> str:
        """As a person reads it."""
        return " ".join(one for one in (self.vendor, self.model, self.serial) if one) or "?"


def seen(detail: Mapping[str, object]) -> Seen | None:
    """None where it says nothing that can be used: neither whether it came or went, nor what it is."""
    try:
        way = Way(str(detail.get("way")))
    except ValueError:
        return None
    serial, vendor, model = (text(detail.get(name)) for name in ("serial", "vendor", "model"))
    one = Seen(way, serial, vendor, model, _number(detail.get("bytes"), LARGEST), _number(detail.get("leftOut"), MANY))
    return one if one.serial or one.vendor or one.model else None


def text(said: object) -> str:
    return clean(said[:SERIAL]).replace("\n", " ") if isinstance(said, str) else ""


def _number(said: object, most: int) -> int:
    return min(max(said, 0), most) if isinstance(said, int) and not isinstance(said, bool) else 0


def stick_of(serial: str, vendor: str = "", model: str = "") -> str:
    """By what two sightings are of one medium. Windows and Linux write letters of a serial in either case; what has no
    serial is told from others by its make alone, and no register can own it."""
    return serial.upper()[:STICK] if serial else f"?{vendor} {model}".upper()[:STICK]


def word_of(one: MediaStick | None, at: int) -> StickWord:
    """What the register says to a medium that is seen at `at`."""
    match one:
        case None:
            return StickWord.UNKNOWN
        case MediaStick(status=StickStatus.LOST):
            return StickWord.LOST
        case MediaStick(status=StickStatus.RETIRED):
            return StickWord.RETIRED
        case MediaStick(due=int(due)) if at > due:
            return StickWord.OVERDUE
    return StickWord.OWN
