"""Hosts by checks to an Excel file, as the ledger is exported."""

from contextlib import AbstractAsyncContextManager

from tui.client import Download, HostQuery
from tui.screens.export import Export
from tui.texts import N_, _


class VerdictsExport(Export):
    CSS_PATH = "export.tcss"
    TITLE_TEXT = N_("Export verdicts")
    NAME = N_("verdicts")
    FORMATS = (("xlsx", "Excel (.xlsx)"),)

    def __init__(self, query: HostQuery) -> None:
        super().__init__()
        self._hosts = query

    def ask(self, format: str) -> AbstractAsyncContextManager[Download]:
        return self.app.client.verdicts_export(self._hosts)

    def told(self, download: Download) -> str:
        return _("{n} hosts").format(n=download.rows)
