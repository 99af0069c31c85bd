"""Hosts by checks to an Excel file, as the ledger is exported."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tui.client import Download, HostQuery
from tui.screens.export import Export
from tui.texts import N_, _


class VerdictsExport(Export):
    CSS_PATH = "export.tcss"
    HEADING = N_("Export verdicts")
    CALLED = N_("verdicts")
    FORMATS = (("xlsx", "Excel (.xlsx)"),)

    def __init__(self, query: HostQuery) -> None:
        super().__init__()
        self._hosts = query

    def download(self, kind: str) -> AbstractAsyncContextManager[Download]:
        return self.app.client.verdicts_export(self._hosts)

    def written(self, path: Path, size: int, download: Download) -> str:
        told = _("{path} is written: {size} bytes, {hosts} hosts.")
        return told.format(path=path, size=f"{size:,}", hosts=download.rows)

    def handed(self, name: str, download: Download) -> str:
        return _("The browser has the file: {name}.").format(name=name)
