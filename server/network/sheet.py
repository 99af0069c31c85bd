"""The three lists as an Excel workbook; each sheet says who told of it, of how many branches, and how old that is."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from server.ledger.cells import moment
from server.ledger.plain_sheet import List, workbook
from server.schemas.network import NetworkList, NetworkPage, NetworkRow, Sort
from server.texts import Gettext

TITLES: Final = {
    NetworkList.STRANGERS: "On the wire, not in the ledger",
    NetworkList.MISSING: "In the ledger, not seen",
    NetworkList.ANTIVIRUS: "Seen without antivirus",
}
SORTS: Final = {
    Sort.STRANGER: "not in the ledger",
    Sort.RANDOM: "made-up MAC",
    Sort.SHARED: "shared MAC (VRRP)",
    Sort.ROUTER: "answers for many",
    Sort.MISSING: "not seen",
    Sort.UNLOOKED: "nobody looked",
    Sort.NO_ANTIVIRUS: "no antivirus",
    Sort.ANTIVIRUS_UNKNOWN: "antivirus not known",
}


def book(pages: Mapping[NetworkList, NetworkPage], bank: str, zone: ZoneInfo, _: Gettext) -> bytes:
    def at(micros: int | None) -> str:
        return f"{moment(micros, zone):%Y-%m-%d %H:%M}" if micros is not None else _("never")

    def cells(row: NetworkRow) -> list[str]:
        return [
            _(SORTS[row.sort]), row.branch_name, row.key, row.name, row.mac, " ".join(row.ips), row.segment, row.where,
            at(row.first_at) if row.first_at else "", at(row.last_at),
            at(row.swept_at) if row.swept_at else "", row.claims,
        ]  # fmt: skip

    columns = [
        (_("What"), 14), (_("Branch"), 16), (_("Key"), 16), (_("Name"), 18), (_("MAC"), 18), (_("Address"), 20),
        (_("Network"), 12), (_("Where"), 22), (_("First seen"), 16), (_("Last seen"), 16),
        (_("Swept"), 16), (_("Uses the address of"), 14),
    ]  # fmt: skip
    sheets = []
    for which, page in pages.items():
        line = _("{bank} · as of {at} · {looked} of {branches} branches were looked at, the oldest {oldest}").format(
            bank=bank, at=at(page.at), looked=page.looked, branches=page.branches, oldest=at(page.oldest)
        )
        sheets.append(List(_(TITLES[which]), _(TITLES[which]), line, columns, map(cells, page.rows)))
    return workbook(*sheets)
