"""The wire against the ledger: three lists, and who told what they rest on."""

from enum import StrEnum

from server.schemas.base import Page, Schema
from server.schemas.sweeps import SweepOut


class NetworkList(StrEnum):
    STRANGERS = "strangers"  # on the wire, not in the ledger
    MISSING = "missing"  # in the ledger, not seen
    ANTIVIRUS = "antivirus"  # seen, and no antivirus or nothing known of one


class Sort(StrEnum):
    """What a line of a list is. Only STRANGER is counted as a stranger; the three after it are told apart."""

    STRANGER = "stranger"
    RANDOM = "random"  # a MAC that was made up: a telephone, a virtual machine, or somebody who hides
    SHARED = "shared"  # VRRP, HSRP, GLBP
    ROUTER = "router"  # answers for many addresses
    MISSING = "missing"
    UNLOOKED = "unlooked"  # nobody told of its branch: it may be there or not
    NO_ANTIVIRUS = "noAntivirus"
    ANTIVIRUS_UNKNOWN = "antivirusUnknown"


class Antivirus(StrEnum):
    PRESENT = "present"
    NONE = "none"
    UNKNOWN = "unknown"


class NetworkRow(Schema):
    """`key` and `name` are of the ledger, "" of a stranger. `claims`: whose address it uses with another MAC.

    `swept_at`: when a sweep found it last; of one that is missing, when a sweep asked its address and none answered.
    """

    sort: Sort
    mac: str
    ips: list[str]
    key: str
    name: str
    branch: str
    branch_name: str
    segment: str  # zone or name of the network its address is in
    where: str  # teller and port
    first_at: int | None
    last_at: int | None  # None: never seen
    claims: str = ""
    swept_at: int | None = None


class TellerOut(Schema):
    """A switch, a router or a PC that tells of the wire. `why` is what it could not read."""

    key: str
    branch: str
    branch_name: str
    topic: str
    at: int
    old: bool
    lines: int
    left_out: int
    why: str = ""


class SegmentOut(Schema):
    prefix: str
    zone: str
    branch: str
    seen: int  # addresses in it that were seen within the week


class NetworkPage(Page):
    """`looked` of `branches` had a teller in the last two days; of the others nothing is known."""

    rows: list[NetworkRow]
    counts: dict[str, int]  # by Sort, of the whole scope
    looked: int
    branches: int
    tellers: int
    oldest: int | None  # when the oldest of the tellers that count told
    swept: int = 0  # networks that were swept in the last two days, whole
    waiting: int = 0  # sweeps that wait for approval


class CoverageOut(Page):
    rows: list[TellerOut]
    segments: list[SegmentOut]
    sweeps: list[SweepOut]  # the newest of each network that was swept
