"""The file: a tar packed with zstd. `manifest.json` comes first and says what else is in it, by size and SHA-256.

`tar --zstd -tvf FILE` lists it. Whoever reads it takes nothing but the files the manifest names, and no name that
is not ours.
"""

import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import msgspec

from server.errors import Told, reason

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORMAT = 2  # 1 had nothing of what the bank wrote into its home
MANIFEST = "manifest.json"
SETTINGS = "server.toml"
SQLITE = "branchfleet.db"
POSTGRESQL = "branchfleet.dump"  # pg_dump's own format
KEYS = "keys.sealed"
WRITTEN = "written.msgpack"  # `written.py`
NAMES = (SETTINGS, WRITTEN, SQLITE, POSTGRESQL, KEYS)
_MANIFEST_LIMIT = 1 << 20
_PIECE = 1 << 20
_PACKING: dict[int, int] = {zstd.CompressionParameter.compression_level: 3, zstd.CompressionParameter.checksum_flag: 1}


class Foreign(Told):
    """The file is no backup of Branchfleet."""


class Damaged(Told):
    """The file is a backup, and not as it was written."""


class Newer(Told):
    """The file was made by a later Branchfleet."""


class Member(msgspec.Struct, frozen=True):
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is. `journal_head` is the hash of the last of `journal_rows` deeds."""

    format: int
    made_at: int  # UTC µs
    version: str  # of Branchfleet
    schema: str  # of the database
    database: Literal["sqlite", "postgresql"]
    epoch: str
    journal_rows: int
    journal_head: str
    journal_ok: bool
    zone: str = ""  # the bank's; "" in a file of an earlier version
    files: dict[str, Member]


class _Format(msgspec.Struct, frozen=True):
    format: int


def member(path: Path) -> Member:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return Member(path.stat().st_size, digest.hexdigest())


def write(path: Path, manifest: Manifest, folder: Path) -> None:
    """Pack the files of `folder` that the manifest names into `path`, 0600; durable when it returns."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        with zstd.open(file, "wb", options=_PACKING) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
            said = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            tar.addfile(_header(MANIFEST, len(said), manifest), io.BytesIO(said))
            for name, one in manifest.files.items():
                with (folder / name).open("rb") as content:
                    tar.addfile(_header(name, one.size, manifest), content)
        file.flush()
        os.fsync(file.fileno())


def _header(name: str, size: int, manifest: Manifest) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = size
    header.mode = 0o600
    header.mtime = manifest.made_at // 1_000_000
    return header


def read(path: Path, folder: Path | None = None) -> Manifest:
    """Read the file to its end and hold it to its manifest; unpack it into `folder`, if there is one.

    Foreign, Newer or Damaged say what is wrong; then what is in `folder` is worth nothing.
    """
    with _opened(path) as tar:
        manifest = _manifest(path, tar)
        left = dict(manifest.files)
        while (header := tar.next()) is not None:
            wanted = left.pop(header.name, None)
            content = tar.extractfile(header) if wanted and header.isfile() else None
            if wanted is None or content is None:
                raise Damaged("{path} holds {name}, which its manifest does not name.", path=path, name=header.name)
            if _copy(content, folder / header.name if folder else None) != wanted:
                raise Damaged("{path} is damaged: {name} is not as it was written.", path=path, name=header.name)
        if left:
            raise Damaged("{path} is cut off: {name} is missing.", path=path, name=next(iter(left)))
        return manifest


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The tar inside; what goes wrong while it is read is Damaged, and before that Foreign."""
    begun = False
    try:
        with zstd.open(path, "rb") as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            begun = True
            yield tar
            while packed.read(_PIECE):  # to the end, with the check sum behind it
                pass
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        if begun:  # it is of what is written, not of what is read
            raise
        raise Foreign("{path}: cannot be read: {why}.", path=path, why=reason(error)) from None
    except EOFError:
        raise Damaged("{path} is cut off: it ends in the middle.", path=path) from None
    except (zstd.ZstdError, tarfile.TarError):
        if begun:
            raise Damaged("{path} is damaged: it cannot be unpacked.", path=path) from None
        raise Foreign("{path} is not a backup of Branchfleet.", path=path) from None


def _manifest(path: Path, tar: tarfile.TarFile) -> Manifest:
    header = tar.next()
    content = tar.extractfile(header) if header and header.name == MANIFEST and header.isfile() else None
    if header is None or content is None or header.size > _MANIFEST_LIMIT:
        raise Foreign("{path} is not a backup of Branchfleet.", path=path)
    said = content.read()
    try:
        if msgspec.json.decode(said, type=_Format).format > FORMAT:
            raise Newer("{path} was made by a later version of Branchfleet: restore it with that one.", path=path)
        manifest = msgspec.json.decode(said, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Damaged("{path} is damaged: its manifest cannot be read.", path=path) from None
    database = SQLITE if manifest.database == "sqlite" else POSTGRESQL
    if not {SETTINGS, database} <= set(manifest.files) <= {SETTINGS, WRITTEN, database, KEYS}:
        raise Damaged("{path} is damaged: its manifest cannot be read.", path=path)
    return manifest


def _copy(content: IO[bytes], target: Path | None) -> Member:
    digest, size = hashlib.sha256(), 0
    into = target.open("xb") if target else None
    try:
        while piece := content.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            if into:
                into.write(piece)
        if into:
            into.flush()
            os.fsync(into.fileno())
    finally:
        if into:
            into.close()
    return Member(size, digest.hexdigest())
