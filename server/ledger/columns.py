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
    Column("name", "Device name", 16),
    Column("cls_name", "Device class", 13),
    Column("maker", "Maker", 9),
    Column("model", "Model", 13),
    Column("serial", "Serial number", 17),
    Column("terminal", "Terminal number", 11),
    Column("branch_name", "Branch", 19),
    Column("position_name", "Position", 17),
    Column("status", "Status", 7, Kind.WORD),
    Column("keeper", "Keeper", 8),
    # the second sheet of paper begins here
    Column("branch", "Branch code", 9),
    Column("position", "Position key", 17),
    Column("place", "Place", 16),
    Column("zone", "Network", 8, Kind.WORD),
    Column("bought", "Bought", 11, Kind.DATE),
    Column("in_service", "In service since", 11, Kind.DATE),
    Column("price", "Price (yuan)", 12, Kind.MONEY),
    Column("supplier", "Supplier", 15),
    Column("maintainer", "Maintainer", 15),
    Column("warranty", "Warranty until", 11, Kind.DATE),
    Column("effective_from", "So since", 11, Kind.TIME),
    Column("note", "Note", 16),
)
FIRST_PAGE: Final = 11  # columns on the first sheet of paper, after the row's number
ALWAYS: Final = 2  # columns repeated on the second, after the row's number

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
