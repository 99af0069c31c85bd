"""The sign-in kept for the command line: one file only its owner can read, for one server."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kept:
    server: str
    login: str
    token: str


def keep(folder: Path, kept: Kept) -> Path:
    """Write the file. It is never readable by others, not even while it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "token.json"
    fresh = folder / f".token.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(kept), file)
    fresh.replace(path)
    return path


def kept(folder: Path, server: str) -> Kept | None:
    """The sign-in kept for `server`, or None."""
    found = kept_at_all(folder)
    return found if found is not None and same(found.server, server) else None


def kept_at_all(folder: Path) -> Kept | None:
    """The sign-in kept for whichever server; a file that cannot be read is none."""
    try:
        return Kept(**json.loads((folder / "token.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def same(one: str, other: str) -> bool:
    """Whether two addresses are typed alike but for what means nothing."""
    return one.lower().rstrip("/") == other.lower().rstrip("/")


def forget(folder: Path) -> None:
    (folder / "token.json").unlink(missing_ok=True)


def from_environment(environment: Mapping[str, str] = os.environ) -> str | None:
    """BRANCHFLEET_TOKEN: for scripts that must not leave a file."""
    return environment.get("BRANCHFLEET_TOKEN") or None


def in_browser(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process draws for `branchfleet web`."""
    return environment.get("TEXTUAL_DRIVER", "").endswith("WebDriver")
