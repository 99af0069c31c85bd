"""The agent's settings: flag > BRANCHFLEET_AGENT_* > agent.toml > default. Unknown keys are named with the nearest."""

import difflib
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from agent.causes import chinese, of_toml
from agent.exit import Exit, Trouble
from agent.link.identity import Identity, load_identity
from agent.proof import LOOPBACK
from agent.tidy import tidy_text

FILE = "agent.toml"
PREFIX = "BRANCHFLEET_AGENT_"
HOME_VARIABLE = "BRANCHFLEET_AGENT_HOME"


def _server(text: str) -> str:
    """ValueError says what is wrong in Chinese and English."""
    if (parts := _parts(text)) is None:
        raise ValueError(*_NO_ADDRESS)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError(*_IN_THE_CLEAR)
    return text.rstrip("/")


class Written(msgspec.Struct, frozen=True):
    """What agent.toml may hold."""

    server: str | None = None
    local: Annotated[str, msgspec.Meta(min_length=1)] | None = None  # the folder people of this PC may read
    # at most this much is kept while the line is down, and so long, counting the time the agent ran
    spool_limit_mb: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 2048
    spool_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 60


def _parts(text: str) -> SplitResult | None:
    """Of an address a connection can be made to, which the resolver alone may still not know; else None."""
    if not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna")
        sound = parts.scheme in ("http", "https") and host and parts.port != 0 and parts.path.isascii()
    except ValueError:  # a port that is no number, half a bracket, a name with two dots in a row
        return None
    return parts if sound and not (parts.query or parts.fragment or parts.username) else None


_KINDS = {field.name: field.type for field in msgspec.structs.fields(Written)}
_MUST_BE = {  # in Chinese and English
    "server": ("应为加引号的文字", "must be text in quotes"),
    "local": ("应为文件夹，写成加引号的文字", "must be a folder, as text in quotes"),
    "spool_limit_mb": ("应为 1 到 100000 的整数", "must be a whole number from 1 to 100000"),
    "spool_days": ("应为 1 到 3650 的整数", "must be a whole number from 1 to 3650"),
}
_NO_ADDRESS = ("不是服务器地址，应像 https://10.66.0.10:8088", 'is not an address like "https://10.66.0.10:8088"')
_IN_THE_CLEAR = ("会不加密地经过网络，要用 https:// 开头", "would go over the network in the clear; say https://")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a running agent needs."""

    home: Path
    identity: Identity
    server: str  # where it enrolled, unless a setting says otherwise
    spool_limit_mb: int = 2048
    spool_days: int = 60
    local: Path | None = None

    @property
    def local_folder(self) -> Path:
        return self.local or self.home / "local"

    @property
    def spool_path(self) -> Path:
        return self.home / "spool.db"

    @property
    def spool_bytes(self) -> int:
        return self.spool_limit_mb << 20


def find_home(flag: Path | None, environment: Mapping[str, str]) -> Path:
    """Where the agent keeps its files: --home, BRANCHFLEET_AGENT_HOME, or the system's place for such things."""
    if flag is not None:
        return flag
    if environment.get(HOME_VARIABLE):
        return Path(environment[HOME_VARIABLE])
    if sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return base / "Branchfleet" / "agent"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Branchfleet" / "agent"
    base = Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "branchfleet" / "agent"


def make_home(home: Path) -> None:
    """The folder, its owner's alone."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Trouble(
            Exit.CANNOT_WRITE,
            f"The agent's folder {home} cannot be made: {error.strerror}.",
            f"建不了采集程序的文件夹 {home}：{chinese(error)}。",
        ) from error


def load_settings(home: Path, environment: Mapping[str, str], *, server: str | None = None) -> Settings:
    """Everything a run needs. Raises Trouble with a sentence for each thing that is wrong or missing."""
    flags: _Source = {"server": (server, ("--server", "--server"))} if server else {}
    written = _check(_from_file(home) | _from_environment(environment) | flags)
    identity = load_identity(home)
    if identity is None:
        raise Trouble(
            Exit.NOT_SET_UP,
            f"The agent in {home} is not enrolled. Have head office make a code, and say: "
            "branchfleet-agent enroll SERVER CODE",
            f"{home} 里没有登记过的采集程序。请总行科技发登记码，再运行：branchfleet-agent enroll 服务器地址 登记码",
        )
    return Settings(
        home=home,
        identity=identity,
        server=written.server or identity.server,
        spool_limit_mb=written.spool_limit_mb,
        spool_days=written.spool_days,
        local=Path(written.local) if written.local else None,
    )


def check_server(server: str) -> str:
    """The address as it will be used. Raises Trouble."""
    return _check({"server": (server, ("命令行", "the command line"))}).server or ""


_Place = tuple[str, str]  # in Chinese and English
_Source = dict[str, tuple[Any, _Place]]  # key -> value, and where it was said


def _from_file(home: Path) -> _Source:
    path = home / FILE
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig") + "\n")  # Windows' Notepad writes the mark
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Trouble(
            Exit.BAD_INPUT, f"{path} cannot be read: {error.strerror}.", f"{path} 读不出来：{chinese(error)}。"
        ) from error
    except UnicodeDecodeError as error:
        raise Trouble(
            Exit.BAD_INPUT,
            f"{path} is not UTF-8 text; save it as UTF-8.",
            f"{path} 不是 UTF-8 文本：请另存为 UTF-8。",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise Trouble(
            Exit.BAD_INPUT, f"{path} is not TOML: {error}.", f"{path} 的格式（TOML）不对：{of_toml(error)}。"
        ) from error
    return {key: (value, (str(path), str(path))) for key, value in values.items()}


def _from_environment(environment: Mapping[str, str]) -> _Source:
    return {
        name.removeprefix(PREFIX).lower(): (value, (f"环境变量 {name}", f"the environment variable {name}"))
        for name, value in environment.items()
        if name.startswith(PREFIX) and name != HOME_VARIABLE
    }


def _check(source: _Source) -> Written:
    values, wrong = {}, []
    for key, (value, where) in source.items():
        if key not in _KINDS:
            wrong.append(_no_setting(key, where))
            continue
        try:
            values[key] = msgspec.convert(value, _KINDS[key], strict=not isinstance(value, str))
            if key == "server":
                values[key] = _server(values[key])
        except msgspec.ValidationError:
            wrong.append(_not_so(key, value, where, *_MUST_BE[key]))
        except ValueError as error:
            wrong.append(_not_so(key, value, where, *error.args))
    if wrong:
        raise Trouble(Exit.BAD_INPUT, "\n".join(en for _, en in wrong), "\n".join(zh for zh, _ in wrong))
    return Written(**values)


def _no_setting(key: str, where: _Place) -> tuple[str, str]:
    near = difflib.get_close_matches(key, _KINDS, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else f"; there are: {', '.join(_KINDS)}."
    zh = f"，是不是“{near[0]}”？" if near else f"；可以有：{'、'.join(_KINDS)}。"
    return f"{where[0]} 中的“{key}”不是设置项{zh}", f'"{key}" in {where[1]} is not a setting{hint}'


def _not_so(key: str, value: Any, where: _Place, zh: str, en: str) -> tuple[str, str]:
    return f"{where[0]} 中的 {key}“{tidy_text(str(value), 80)}”{zh}。", f'"{key}" {value!r} in {where[1]} {en}.'
