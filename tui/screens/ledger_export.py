"""The ledger to a file, which says as of which deed it is."""

from contextlib import AbstractAsyncContextManager

from tui.client import Download, LedgerQuery
from tui.screens.export import Export
from tui.texts import N_, _
from tui.words import watched


class LedgerExport(Export):
    CSS_PATH = "export.tcss"
    TITLE_TEXT = N_("Export the ledger")
    NAME = N_("ledger")
    FORMATS = (("xlsx", "Excel (.xlsx)"), ("csv", "CSV (.csv)"), ("json", "JSON (.json)"))

    def __init__(self, query: LedgerQuery) -> None:
        super().__init__()
        self._query = query

    def ask(self, format: str) -> AbstractAsyncContextManager[Download]:
        return self.app.client.ledger_export(self._query, format)

    def told(self, download: Download) -> str:
        seq = _("As of journal no. {seq}.").format(seq=download.journal_seq)
        return f"{seq} {watched(download.rows, download.watched)}"
