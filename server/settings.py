"""How a server is set up: flag > BRANCHFLEET_* > server.toml > default.

The home holds server.toml, server.key (0600) and, unless a database URL is set, branchfleet.db.
"""

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from server.errors import Told, reason
from server.wrong import wrong

CONFIG = "server.toml"
KEY = "server.key"
DATABASE = "branchfleet.db"
PREFIX = "BRANCHFLEET_"
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def _split(value: object) -> object:
    """A variable of the environment says several with commas between."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class SettingsError(Told):
    """The settings cannot be read: one sentence with the file, the key and how to mend it."""


class Settings(BaseModel):
    """One server's settings. Every field is documented in docs/settings.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8088
    database: Annotated[str, Field(pattern=r"^(sqlite:///|postgresql(\+psycopg)?://)")] | None = None
    tls: bool = True
    names: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None
    certificate_ca: Path | None = None
    lang: Literal["zh", "en"] = "zh"
    metrics: Literal["loopback", "token", "off"] = "loopback"  # who may read them
    drain_seconds: Annotated[int, Field(ge=0, le=300)] = 0  # to answer on as not ready, once the end is asked for
    connections: Annotated[int, Field(ge=16, le=100_000)] = 10_000  # at once; more are told to come again
    record_days: Annotated[int, Field(ge=70, le=3660)] = 90  # a spool of 60 days still finds its days
    rollup_days: Annotated[int, Field(ge=366, le=36_600)] = 1098  # as long as a plot may be
    monthly_checks: bool = True  # a list of what each branch still has to do, on the first of each month
    session_hours: Annotated[int, Field(ge=1, le=24 * 30)] = 12
    password_memory: Annotated[int, Field(ge=32, le=1 << 20)] = 65_536  # KiB to hash one password with


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """BRANCHFLEET_HOME, or the usual place of the platform."""
    if named := environ.get("BRANCHFLEET_HOME"):
        return Path(named)
    if sys.platform == "win32":
        return Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "Branchfleet" / "server"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "branchfleet" / "server"


def load(home: Path, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `home`. `flags` that are None were not given. SettingsError names what is wrong."""
    file = home / CONFIG
    values: dict[str, Any] = _read(file) if file.exists() else {}
    places = {key: str(file) for key in values}
    for key in Settings.model_fields:
        if (from_environ := environ.get(PREFIX + key.upper())) is not None:
            values[key], places[key] = from_environ, PREFIX + key.upper()
    for key, flag in (flags or {}).items():
        if flag is not None:
            values[key], places[key] = flag, f"--{key.replace('_', '-')}"
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise _wrong(key, places.get(key, str(file)), first) from None


def database_url(home: Path, settings: Settings) -> str:
    """The URL SQLAlchemy takes; a plain postgresql:// gets the driver we ship."""
    if settings.database is None:
        return f"sqlite:///{(home / DATABASE).absolute()}"
    return settings.database.replace("postgresql://", "postgresql+psycopg://", 1)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig") + "\n")  # Windows' Notepad writes the mark
    except tomllib.TOMLDecodeError as error:
        why, at = str(error), _AT.search(str(error))
        place = f"{file}:{at[1]}" if at and at[1] else file
        raise SettingsError("{file}: is not TOML: {why}.", file=place, why=Told(_AT.sub("", why))) from None
    except UnicodeDecodeError:
        raise SettingsError("{file}: is not UTF-8 text; save it as UTF-8.", file=file) from None
    except OSError as error:
        raise SettingsError("{file}: cannot be read: {why}.", file=file, why=reason(error)) from None


def _wrong(key: str, place: str, detail: ErrorDetails) -> SettingsError:
    if detail["type"] == "string_pattern_mismatch":  # the one setting with a pattern
        why = Told("must begin with sqlite:/// or postgresql://")
        return SettingsError("{place}: {key}: {why}.", place=place, key=key, why=why)
    if detail["type"] != "extra_forbidden":
        return SettingsError("{place}: {key}: {why}.", place=place, key=key, why=wrong(detail))
    near = get_close_matches(key, Settings.model_fields, n=1)
    if near:
        return SettingsError(
            "{place}: there is no setting {key}. Did you mean {near}?", place=place, key=key, near=near[0]
        )
    keys = ", ".join(Settings.model_fields)
    return SettingsError(
        "{place}: there is no setting {key}. The settings are: {keys}.", place=place, key=key, keys=keys
    )
