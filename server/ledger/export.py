"""The ledger as a file at a journal seq. The same question at the same seq gives the same bytes, whenever it is asked.

Nothing in a file comes from the clock: its time is that of the deed the seq names. Rows stream from the database into
the file; at no time are all of them in memory.
"""

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from server.ledger.cells import harmless
from server.ledger.columns import COLUMNS
from server.ledger.extract import Extract, said
from server.ledger.sheet import write_sheet
from server.texts import Gettext


class Format(StrEnum):
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


MEDIA = {
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON: "application/json",
}


@dataclass(frozen=True)
class Written:
    """A file that was written, by its digest."""

    format: Format
    seq: int
    rows: int
    watched: int
    size: int
    sha256: str


def write(path: Path, extract: Extract, format: Format, translate: Gettext) -> Written:
    """Write the file at `path`, over whatever is there."""
    if format is Format.XLSX:
        write_sheet(path, extract, translate)
    else:
        with path.open("wb") as file:
            (_csv if format is Format.CSV else _json)(file, extract, translate)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(format, extract.seq, extract.rows, extract.watched, path.stat().st_size, digest)


def _csv(file: BinaryIO, extract: Extract, translate: Gettext) -> None:
    """UTF-8 with the mark Excel knows it by, lines ending as Windows ends them."""
    text = io.TextIOWrapper(file, "utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([translate(column.title) for column in COLUMNS])
    for card in extract.cards():
        writer.writerow([harmless(said(card, column, extract.zone, translate)) for column in COLUMNS])
    text.detach()


def _json(file: BinaryIO, extract: Extract, translate: Gettext) -> None:
    """One object; a card a line, as the API says it."""
    head = {
        "bank": extract.names.bank,
        "at": extract.at,
        "journal_seq": extract.seq,
        "scope": extract.scope,
        "rows": extract.rows,
        "watched": extract.watched,
    }
    file.write(json.dumps(head, ensure_ascii=False)[:-1].encode() + b', "cards": [')
    for number, card in enumerate(extract.cards()):
        file.write((b",\n" if number else b"\n") + json.dumps(card.model_dump(), ensure_ascii=False).encode())
    file.write(b"\n]}\n")
