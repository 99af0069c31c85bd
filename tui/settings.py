"""Where the console finds its server and how it speaks: flag > environment > console.toml > default."""

import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import SplitResult, urlsplit

import typer
from pydantic import BaseModel, ConfigDict, ValidationError

from server.schemas.status import LOOPBACK
from tui.texts import _

SERVER = "https://127.0.0.1:8088"
Marks = Literal["auto", "shapes", "ascii"]


class BadSettings(Exception):
    """console.toml or a variable of the environment cannot be used; the message is one sentence."""


class Settings(BaseModel):
    """`marks`: shapes (● ▲ ■), their ASCII stand-ins, or whichever the start-up probe finds to fit the terminal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str = SERVER
    ca: str = ""
    lang: Literal["zh", "en"] = "zh"
    marks: Marks = "auto"
    theme: Literal["dark", "light"] = "dark"
    local: str = ""  # the folder of this PC's agent, where it is not in its usual place


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """BRANCHFLEET_CONFIG, or the platform's folder for a program's settings."""
    chosen = environment.get("BRANCHFLEET_CONFIG")
    return Path(chosen) if chosen else Path(typer.get_app_dir("branchfleet"))


def load(flags: Mapping[str, str | None], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force. An empty or missing flag leaves the word to the next in line."""
    path = config_folder(environment) / "console.toml"
    found: dict[str, object] = {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig") + "\n")  # Windows' Notepad writes the mark
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BadSettings(_("{path} cannot be read: {why}").format(path=path, why=_(error.strerror or ""))) from error
    except UnicodeDecodeError as error:
        raise BadSettings(_("{path} is not UTF-8 text; save it as UTF-8.").format(path=path)) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        told = _("{path} cannot be understood from line {line} on. A setting looks like this: {example}")
        example = f'server = "{SERVER}"'
        raise BadSettings(told.format(path=path, line=line[1] if line else 1, example=example)) from error
    source = dict.fromkeys(found, str(path))
    for name in Settings.model_fields:
        variable = f"BRANCHFLEET_{name.upper()}"
        for said, where in ((environment.get(variable), variable), (flags.get(name), f"--{name}")):
            if said:
                found[name], source[name] = said, where
    try:
        settings = Settings.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        near = ", ".join(get_close_matches(name, Settings.model_fields, 1)) or ", ".join(Settings.model_fields)
        if first["type"] == "literal_error":
            words = ", ".join(get_args(Settings.model_fields[name].annotation))
            told = _("{place}: {name} must be one of: {words}")
            raise BadSettings(told.format(place=source.get(name, path), name=name, words=words)) from error
        told = _("{place}: there is no setting {name}. Did you mean: {near}?")
        if name in Settings.model_fields:
            told = _("{place}: {name} must be text in quotes")
        raise BadSettings(told.format(place=source.get(name, path), name=name, near=near)) from error
    if (parts := _parts(settings.server)) is None:
        told = _("{place}: {server} is no address; one looks like {example}")
        raise BadSettings(told.format(place=source["server"], server=repr(settings.server), example=SERVER))
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise BadSettings(
            _("{place}: {server} would be asked in the clear; say https://").format(
                place=source["server"], server=settings.server
            )
        )
    return settings


def _parts(server: str) -> SplitResult | None:
    """Of an address a connection can be made to; else None."""
    try:
        parts = urlsplit(server)
        host = (parts.hostname or "").encode("idna")
        sound = parts.scheme in ("http", "https") and host and parts.port != 0 and " " not in server
    except ValueError:  # a port that is no number, half a bracket, a name with two dots in a row
        return None
    return parts if sound else None
