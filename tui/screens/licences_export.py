"""Licences to an Excel file: counts, the register, and who has what."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tui.client import Download
from tui.screens.export import Export
from tui.texts import N_, _


class LicencesExport(Export):
    CSS_PATH = "export.tcss"
    HEADING = N_("Export licences")
    CALLED = N_("licences")
    FORMATS = (("xlsx", "Excel (.xlsx)"),)

    def download(self, kind: str) -> AbstractAsyncContextManager[Download]:
        return self.app.client.export("/api/licences/export")

    def written(self, path: Path, size: int, download: Download) -> str:
        told = _("{path} is written: {size} bytes, {rows} rows.")
        return told.format(path=path, size=f"{size:,}", rows=download.rows)

    def handed(self, name: str, download: Download) -> str:
        return _("The browser has the file: {name}.").format(name=name)
