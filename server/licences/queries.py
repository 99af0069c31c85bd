"""What is asked of licences. What hosts call their programs is their word: bounded, and nowhere markup."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from sqlmodel import Session, col, select

from server.accounts.scope import Scoped, in_scope
from server.checks.bank import Bank
from server.errors import NotFound
from server.facts.hosts import are_hosts
from server.health.queries import Home
from server.inventory.tables import Subject
from server.licences.bought import Bought, bought, products_of, standing
from server.licences.counting import Counts, installed
from server.licences.installs import Found, found, unlisted
from server.licences.products import Product, Products
from server.licences.tables import Licence
from server.licences.told import Installs
from server.queries import bank_zone
from server.schemas.licences import (
    Install,
    InstallOut,
    InstallPage,
    LicenceOut,
    LicencePage,
    LicenceStanding,
    ProductOut,
    ProductPage,
)

FIRST: Final = {
    word: place
    for place, word in enumerate(
        (Install.UNLICENSED, Install.GRACE, Install.UNSAID, Install.USED, Install.UNKNOWN, Install.ABSENT)
    )
}
STANDINGS: Final = (
    LicenceStanding.EXPIRED,
    LicenceStanding.EXPIRING,
    LicenceStanding.VALID,
    LicenceStanding.WITHDRAWN,
)


class HostRow(NamedTuple):
    id: int
    key: str
    name: str
    branch: str
    branch_name: str


def known_products(session: Session, bank: Bank) -> Products:
    return products_of(bank.products, _rows(session))


def products(
    session: Session,
    viewer: Scoped,
    bank: Bank,
    installs: Installs,
    now: int,
    *,
    branch: str | None = None,
    every: bool = False,
    offset: int = 0,
    limit: int = 100,
) -> ProductPage:
    """What was bought or is installed, what is over first. `every`: also products of which there is neither."""
    rows = _rows(session)
    known = products_of(bank.products, rows)
    told = installs.told(session, viewer, known)
    counts = Counts(known, (told.get(host.id, {}) for host in _hosts(session, viewer, branch)), now)
    whole = viewer.branch_ids is None and branch is None
    have = bought(rows, day_of(session, now)) if whole else {}
    found = [_product(one, counts, have.get(one.id, Bought()) if whole else None) for one in known.by_id.values()]
    found = [one for one in found if every or one.installed or one.product in have]
    found.sort(key=_worst)
    return ProductPage(
        total=len(found),
        offset=offset,
        at=now,
        rows=found[offset : offset + limit],
        hosts=counts.hosts,
        listed=counts.listed,
    )


def _product(one: Product, counts: Counts, have: Bought | None) -> ProductOut:
    words = counts.of(one)
    there, unknown = installed(words), words[Install.UNKNOWN]
    return ProductOut(
        product=one.id,
        name=one.name,
        publisher=one.publisher,
        **{word.value: count for word, count in words.items()},
        installed=there,
        hosts=counts.hosts,
        bought=have.seats if have else None,
        over=max(0, there - have.seats) if have else None,
        spare=max(0, have.seats - there - unknown) if have else None,
        expired=have.expired if have else None,
        expiring=have.expiring if have else None,
        next_end=have.next_end if have else None,
    )


def _worst(one: ProductOut) -> tuple[object, ...]:
    loose = one.unlicensed + one.grace
    return -(one.over or 0), not one.expired, not one.expiring, -loose, -one.installed, one.name


def hosts(
    session: Session,
    viewer: Scoped,
    bank: Bank,
    installs: Installs,
    now: int,
    product: str,
    *,
    branch: str | None = None,
    words: Collection[Install] = (),
    offset: int = 0,
    limit: int = 100,
) -> InstallPage:
    """Of one product, those who have it first. `words`: only who stands so."""
    known = known_products(session, bank)
    one = known.by_id.get(product)
    if one is None:
        raise NotFound("There is no product {product}.", product=product[:80])
    told = installs.told(session, viewer, known)
    all_hosts = [(host, found(one, told.get(host.id, {}), now)) for host in _hosts(session, viewer, branch)]
    counted = Counter(how.word for _, how in all_hosts)
    shown = [row for row in all_hosts if not words or row[1].word in words]
    shown.sort(key=lambda row: (FIRST[row[1].word], row[0].branch, row[0].key))
    rows = [_install(host, how) for host, how in shown[offset : offset + limit]]
    counts = {word.value: counted[word] for word in Install}
    return InstallPage(total=len(shown), offset=offset, at=now, rows=rows, name=one.name, counts=counts)


def installs(
    session: Session,
    viewer: Scoped,
    bank: Bank,
    kept: Installs,
    now: int,
    *,
    branch: str | None = None,
    limit: int = 100,
) -> list[tuple[str, InstallOut]]:
    """Each product with each host that has it; then, without a product, each host whose programs are not known."""
    known = known_products(session, bank)
    told = kept.told(session, viewer, known)
    rows, unknown = [], []
    for host in sorted(_hosts(session, viewer, branch), key=lambda row: (row.branch, row.key)):
        said = told.get(host.id, {})
        for product in sorted({product for one in said.values() for product in one.has if product in known.by_id}):
            how = found(known.by_id[product], said, now)
            if how.word is not Install.UNKNOWN:
                rows.append((known.by_id[product].name, _install(host, how)))
        if (gap := unlisted(said.get("software"), now)) is not None:
            sheet = said.get("software")
            unknown.append(("", _install(host, Found(Install.UNKNOWN, gap, at=sheet.at if sheet else None))))
    return [*rows, *unknown][:limit]


def _install(host: HostRow, how: Found) -> InstallOut:
    return InstallOut(
        host=host.key,
        name=host.name,
        branch=host.branch,
        branch_name=host.branch_name,
        word=how.word,
        why=how.why,
        program=how.program[:200],
        at=how.at,
    )


def register(session: Session, bank: Bank, now: int, offset: int = 0, limit: int = 100) -> LicencePage:
    """What is over or ends soon first."""
    rows, today = _rows(session), day_of(session, now)
    known = products_of(bank.products, rows)
    found = [licence_out(row, known, today) for row in rows]
    found.sort(key=lambda one: (STANDINGS.index(one.standing), one.expires_on or date.max, one.code))
    return LicencePage(total=len(found), offset=offset, at=now, rows=found[offset : offset + limit])


def one(session: Session, bank: Bank, row: Licence, now: int) -> LicenceOut:
    return licence_out(row, known_products(session, bank), day_of(session, now))


def licence_out(row: Licence, known: Products, today: date) -> LicenceOut:
    product = known.by_id[row.product]
    return LicenceOut(
        code=row.code,
        product=row.product,
        name=product.name,
        publisher=row.publisher or product.publisher,
        kind=row.kind,
        seats=row.seats,
        contract=row.contract,
        bought_on=row.bought_on,
        expires_on=row.expires_on,
        keeper=row.keeper,
        key_at=row.key_at,
        patterns=row.patterns,
        note=row.note,
        standing=standing(row, today),
    )


def day_of(session: Session, now: int) -> date:
    """The bank's day."""
    return datetime.fromtimestamp(now / 1_000_000, bank_zone(session)).date()


def _rows(session: Session) -> Sequence[Licence]:
    return session.exec(select(Licence).order_by(col(Licence.id))).all()


def _hosts(session: Session, viewer: Scoped, branch: str | None) -> list[HostRow]:
    asked = select(Subject.id, Subject.key, Subject.name, col(Home.key), col(Home.name)).where(  # type: ignore[call-overload]
        are_hosts(), in_scope(viewer, col(Subject.branch_id))
    )
    asked = asked.join(Home, col(Home.id) == col(Subject.branch_id))
    if branch is not None:
        asked = asked.where(col(Home.key) == branch)
    return [HostRow(*row) for row in session.execute(asked)]
