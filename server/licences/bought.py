"""What the register says: which products there are, and how many seats of each count. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from msgspec.structs import replace

from server.licences.products import Product, Products, shipped
from server.licences.tables import Licence
from server.schemas.licences import LicenceStanding

SOON: Final = timedelta(days=90)


class Bought(NamedTuple):
    """Seats. `expiring` are of `seats`; `expired` are not."""

    seats: int = 0
    expiring: int = 0
    expired: int = 0
    next_end: date | None = None


def standing(row: Licence, today: date) -> LicenceStanding:
    if row.withdrawn_at is not None:
        return LicenceStanding.WITHDRAWN
    if row.expires_on is None:
        return LicenceStanding.VALID
    if row.expires_on < today:
        return LicenceStanding.EXPIRED
    return LicenceStanding.EXPIRING if row.expires_on <= today + SOON else LicenceStanding.VALID


def products_of(own: Iterable[Product], rows: Iterable[Licence]) -> Products:
    """Those that came with the program, the bank's own in their place, and what the register names beside them."""
    known = {one.id: one for one in (*shipped(), *own)}
    for row in rows:
        one = known.get(row.product) or Product(id=row.product, name=row.product, publisher=row.publisher)
        known[row.product] = replace(one, software=tuple(dict.fromkeys((*one.software, *row.patterns))))
    return Products(known.values())


def bought(rows: Sequence[Licence], today: date) -> dict[str, Bought]:
    """By product, also where nothing counts any more."""
    found: dict[str, Bought] = {}
    for row in rows:
        was, how = found.get(row.product, Bought()), standing(row, today)
        soon, over = how is LicenceStanding.EXPIRING, how is LicenceStanding.EXPIRED
        ends = [day for day in (was.next_end, row.expires_on if soon else None) if day is not None]
        found[row.product] = Bought(
            was.seats + (row.seats if how in (LicenceStanding.VALID, LicenceStanding.EXPIRING) else 0),
            was.expiring + (row.seats if soon else 0),
            was.expired + (row.seats if over else 0),
            min(ends, default=None),
        )
    return found
