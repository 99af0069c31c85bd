"""The columns of an exported ledger: what each is called, holds, and how wide it is on paper."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from server.ledger.tables import CardStatus


class Kind(StrEnum):
    TEXT = "text"
    DATE = "date"
    MONEY = "money"
    WORD = "word"  # one of WORDS, said in the language asked for
    TIME = "time"  # UTC µs, shown as a day of the bank


@dataclass(frozen=True)
class Column:
    key: str  # a field of CardOut
    title: str  # English, and so the key of the Chinese
    width: float  # characters
    kind: Kind = Kind.TEXT


COLUMNS: Final = (
    Column("asset", "Asset number", 12),
    Column("name", "Device name", 14),
    Column("cls_name", "Device class", 12),
    Column("maker", "Maker", 8),
    Column("model", "Model", 12),
    Column("serial", "Serial number", 15),
    Column("terminal", "Terminal number", 10),
    Column("branch_name", "Branch", 17),
    Column("position_name", "Position", 18),
    Column("status", "Status", 6.5, Kind.WORD),
    Column("keeper", "Keeper", 7),
    Column("branch", "Branch code", 7),
    Column("position", "Position key", 14.5),
    Column("place", "Place", 11),
    Column("zone", "Network", 7, Kind.WORD),
    Column("bought", "Bought", 10, Kind.DATE),
    Column("in_service", "In service since", 10, Kind.DATE),
    Column("price", "Price (yuan)", 10.5, Kind.MONEY),
    Column("supplier", "Supplier", 13),
    Column("maintainer", "Maintainer", 13),
    Column("warranty", "Warranty until", 10, Kind.DATE),
    Column("effective_from", "So since", 10, Kind.TIME),
    Column("note", "Note", 10),
)
ALWAYS: Final = 1  # columns repeated on the second sheet of paper, after the row's number

WORDS: Final[dict[str, dict[str, str]]] = {
    "status": {
        CardStatus.IN_USE: "in use",
        CardStatus.SPARE: "spare",
        CardStatus.REPAIR: "in repair",
        CardStatus.STOPPED: "stopped",
        CardStatus.TO_SCRAP: "to be scrapped",
        CardStatus.SCRAPPED: "scrapped",
    },
    "zone": {
        "production": "production",
        "office": "office",
        "internet": "internet",
        "": "",
    },
}
