"""Licences as an Excel workbook: by product, the register, and who has what."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from server.ledger.cells import moment
from server.ledger.plain_sheet import List, workbook
from server.schemas.licences import (
    Gap,
    Install,
    InstallOut,
    LicenceKind,
    LicenceOut,
    LicencePage,
    LicenceStanding,
    ProductOut,
    ProductPage,
)
from server.texts import Gettext

KINDS: Final = {
    LicenceKind.VOLUME: "volume",
    LicenceKind.OEM: "came with the PC",
    LicenceKind.RETAIL: "retail",
    LicenceKind.SUBSCRIPTION: "subscription",
}
STANDINGS: Final = {
    LicenceStanding.VALID: "valid",
    LicenceStanding.EXPIRING: "ends soon",
    LicenceStanding.EXPIRED: "expired",
    LicenceStanding.WITHDRAWN: "withdrawn",
}
WORDS: Final = {
    Install.USED: "in use",
    Install.UNLICENSED: "not licensed",
    Install.GRACE: "time of grace",
    Install.UNSAID: "licence not known",
    Install.ABSENT: "not installed",
    Install.UNKNOWN: "not known",
}
GAPS: Final = {
    Gap.NEVER: "it never told its programs",
    Gap.OLD: "told more than 30 days ago",
    Gap.LEFT_OUT: "its list is not whole",
    Gap.RIGHTS: "without the right to read it",
    Gap.NOTHING: "nothing there tells it",
    Gap.TIMEOUT: "it took too long",
    Gap.UNREADABLE: "it could not be read",
    Gap.UNNAMED: "nobody said what it is called",
}
Titles = Sequence[tuple[str, float]]


def book(
    products: ProductPage,
    register: LicencePage,
    installs: Sequence[tuple[str, InstallOut]],
    bank: str,
    zone: ZoneInfo,
    _: Gettext,
) -> bytes:
    def at(micros: int | None) -> str:
        return f"{moment(micros, zone):%Y-%m-%d %H:%M}" if micros is not None else _("never")

    line = _("{bank} · as of {at} · {listed} of {hosts} hosts told all their programs within 30 days").format(
        bank=bank, at=at(products.at), listed=products.listed, hosts=products.hosts
    )
    counted = List(
        _("Licences"), _("Software licences"), line, _product_titles(_), (_product(one) for one in products.rows)
    )
    bought = List(
        _("Register"),
        _("Register of software licences"),
        line,
        _licence_titles(_),
        (_licence(one, _) for one in register.rows),
    )
    there = List(
        _("Installs"),
        _("Hosts by product, and hosts whose programs are not known"),
        line,
        [(_("Product"), 30), (_("Branch"), 16), (_("Key"), 18), (_("Name"), 20), (_("State"), 12),
         (_("Program"), 40), (_("As of"), 16), (_("Why"), 26)],
        ([product, one.branch_name, one.host, one.name, _(WORDS[one.word]), one.program, at(one.at),
          _(GAPS[one.why]) if one.why else ""] for product, one in installs),
    )  # fmt: skip
    return workbook(counted, bought, there)


def _product_titles(_: Gettext) -> Titles:
    return [
        (_("Product"), 30), (_("Publisher"), 16), (_("Seats bought"), 8), (_("Installed"), 8), (_("In use"), 8),
        (_("Not licensed"), 8), (_("Time of grace"), 8), (_("Licence not known"), 12), (_("Over"), 8), (_("Spare"), 8),
        (_("Not known"), 8), (_("Not installed"), 8), (_("Expired"), 8), (_("Ends soon"), 8), (_("First end"), 11),
    ]  # fmt: skip


def _product(one: ProductOut) -> list[str]:
    numbers = (one.bought, one.installed, one.used, one.unlicensed, one.grace, one.unsaid, one.over, one.spare,
               one.unknown, one.absent, one.expired, one.expiring)  # fmt: skip
    end = one.next_end.isoformat() if one.next_end else ""
    return [one.name, one.publisher, *("" if number is None else str(number) for number in numbers), end]


def _licence_titles(_: Gettext) -> Titles:
    return [
        (_("Licence number"), 16), (_("State"), 10), (_("Product"), 30), (_("Publisher"), 16), (_("Kind"), 10),
        (_("Seats"), 8), (_("Contract"), 20), (_("Bought on"), 11), (_("Ends on"), 11), (_("Keeper"), 12),
        (_("Where the key is"), 20), (_("Names of programs"), 28), (_("Note"), 24),
    ]  # fmt: skip


def _licence(one: LicenceOut, _: Gettext) -> list[str]:
    return [
        one.code, _(STANDINGS[one.standing]), one.name, one.publisher, _(KINDS[one.kind]), str(one.seats), one.contract,
        one.bought_on.isoformat(), one.expires_on.isoformat() if one.expires_on else _("for good"), one.keeper,
        one.key_at, " ".join(one.patterns), one.note,
    ]  # fmt: skip
