"""What the bank wrote into its home by hand, and no database holds: its checks, baselines, exemptions and templates."""

import re
import stat
from pathlib import Path
from typing import Final

import msgspec

from server.backup.archive import Damaged
from server.campaigns.templates import FOLDER as TEMPLATES
from server.checks.kept import FOLDER as CHECKS

FOLDERS: Final = (CHECKS, TEMPLATES)
LARGEST: Final = 1 << 20  # bytes of a file; whoever reads them takes less
MOST: Final = 2_000  # files
_NAME: Final = re.compile(rf"({'|'.join(FOLDERS)})/[^/\\\x00-\x1f]{{1,255}}\.toml")

Written = dict[str, bytes]  # "checks/no-telnet.toml" -> what it says


def written_in(home: Path) -> Written:
    """Also what cannot be used: it is to be mended, and not to be lost. What is no file is left out."""
    found: Written = {}
    for folder in FOLDERS:
        for file in sorted((home / folder).glob("*.toml")):
            kind = file.lstat()
            if stat.S_ISREG(kind.st_mode) and kind.st_size <= LARGEST and len(found) < MOST:
                found[f"{folder}/{file.name}"] = file.read_bytes()
    return found


def packed(written: Written) -> bytes:
    return msgspec.msgpack.encode(written)


def put(said: bytes, backup: Path, home: Path) -> None:
    """Damaged if there is a name that is none of ours."""
    try:
        written = msgspec.msgpack.decode(said, type=Written)
    except msgspec.MsgspecError:
        written = {"": b""}
    for name in written:
        if not _NAME.fullmatch(name):
            raise Damaged("{path} is damaged: its manifest cannot be read.", path=backup)
    for name, text in written.items():
        file = home / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_bytes(text)
