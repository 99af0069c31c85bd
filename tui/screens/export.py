"""The ledger to a file: format, path, progress; Escape leaves no half file. In a browser it is downloaded."""

import tempfile
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import BinaryIO, ClassVar, cast

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, ProgressBar, Static
from textual.worker import Worker

from tui.client import Download, LedgerQuery
from tui.failures import Away, ClientError
from tui.files import CannotWrite, Exists, write
from tui.plain import plain
from tui.shell import Shell
from tui.texts import N_, _
from tui.widgets.frame import KeyLine
from tui.widgets.pick import Pick
from tui.widgets.typed import all_typed
from tui.words.times import local
from tui.words.values import watched

FORMATS = (("xlsx", "Excel (.xlsx)"), ("csv", "CSV (.csv)"), ("json", "JSON (.json)"))


class Export(ModalScreen[None]):
    CSS_PATH = "export.tcss"
    app = getters.app(Shell)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", N_("Export"), priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("escape", "stop", N_("Stop")),
    ]

    FORMATS: ClassVar[tuple[tuple[str, str], ...]] = FORMATS
    HEADING: ClassVar[str] = N_("Export the ledger")
    CALLED: ClassVar[str] = N_("ledger")

    def __init__(self, query: LedgerQuery | None = None) -> None:
        super().__init__()
        self._query = query or LedgerQuery()
        self._export_worker: Worker[None] | None = None
        self._replace: Path | None = None  # the file Enter has been warned of

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = _(self.HEADING)
            with Horizontal(classes="field"):
                yield Label(_("Format"))
                yield Pick(self.FORMATS, id="format")
            with Horizontal(classes="field"):
                yield Label(_("File"))
                yield Input(str(self._default()), id="path")
            yield ProgressBar(total=None, show_eta=False, id="bar")
            yield Static(id="said")
            yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#bar").display = False

    def _default(self) -> Path:
        folder = next(
            (place for place in (Path.home() / "Desktop", Path.home() / "桌面") if place.is_dir()), Path.home()
        )
        stamp = local(self.app.client.now()).strftime("%Y%m%d-%H%M")
        return folder / (_(self.CALLED) + "-" + stamp)

    def download(self, kind: str) -> AbstractAsyncContextManager[Download]:
        return self.app.client.ledger_export(self._query, kind)

    def written(self, path: Path, size: int, download: Download) -> str:
        told = _("{path} is written: {size} bytes, as of journal no. {seq}.")
        return (
            told.format(path=path, size=f"{size:,}", seq=download.journal_seq)
            + " "
            + watched(download.rows, download.watched)
        )

    def handed(self, name: str, download: Download) -> str:
        told = _("The browser has the file: {name}, as of journal no. {seq}.")
        return told.format(name=name, seq=download.journal_seq)

    def say(self, sentence: str) -> None:
        self.query_one("#said", Static).update(Text(plain(sentence)))

    async def action_start(self) -> None:
        await all_typed(self)
        if self._export_worker is None:
            self._export_worker = self._export()

    def action_stop(self) -> None:
        if self._export_worker is None:
            self.dismiss()
            return
        self._export_worker.cancel()
        self._export_worker = None
        self.query_one("#bar").display = False
        self.say(_("Stopped. No file was left."))

    def _path(self, format: str) -> Path:
        path = Path(self.query_one("#path", Input).value.strip()).expanduser()
        return path if path.suffix == f".{format}" else path.with_name(f"{path.name}.{format}")

    @work(exclusive=True)
    async def _export(self) -> None:
        kind = self.query_one("#format", Pick).value
        path = self._path(kind)
        bar = self.query_one("#bar", ProgressBar)
        bar.display = True
        try:
            async with self.download(kind) as download:
                bar.update(total=download.size, progress=0)
                if self.app.is_web:
                    await self._hand_over(download, path.name)
                    return
                size = await write(path, download.chunks, force=path == self._replace, progress=self._progress)
        except Exists:
            self._replace = path
            self.say(_("{path} is there already. Enter once more replaces it.").format(path=path))
        except CannotWrite as error:
            self.say(_("The file cannot be written: {why}").format(why=error))
        except Away:
            self.say(_("The server stopped answering. No file was left."))
        except ClientError as error:
            self.say(str(error))
        else:
            self.say(self.written(path, size, download))
            self._replace = path
        finally:
            bar.display = False
            self._export_worker = None

    async def _hand_over(self, download: Download, name: str) -> None:
        """To the browser: the file belongs on the person's machine, not on the one that serves the page."""
        # Textual closes it when the browser has it all.
        file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
        done = 0
        async for chunk in download.chunks:
            file.write(chunk)
            done += len(chunk)
            self._progress(done)
        file.seek(0)
        self.app.deliver_binary(file, save_filename=name, mime_type="application/octet-stream")
        self.say(self.handed(name, download))

    def _progress(self, done: int) -> None:
        self.query_one("#bar", ProgressBar).update(progress=done)
        self.say(_("{size} bytes so far…").format(size=f"{done:,}"))
