"""An inventory as it was written, before anybody judged it: the tables of all its files, and where each stands."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date, time
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, Final

from agent.inventory.lines import Path, find_lines, line_of
from agent.inventory.problems import Problem, nearest, shown
from agent.inventory.unseen import UNSEEN

FILE_LIMIT = 32 << 20  # bytes; a province writes a folder with a file a branch
INTEGER_LIMIT = 2**63
KINDS: Final = ("calendar", "class", "rule", "plan", "branch", "line", "agent", "position", "device")
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WIDE = {"“": '"', "”": '"', "‘": "'", "’": "'", "＝": "=", "［": "[", "］": "]", "【": "[", "】": "]", "，": ","}
_SAYS_UNSEEN = (
    "{value} holds a letter that nobody sees, {letter}: it is number {at}, after {before}; "
    "type the text anew without it"
)


class Source:
    """One file: its name as the person gave it, its text and what TOML makes of it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text.replace("\r\n", "\n")
        self.data: dict[str, Any] = {}

    @cached_property
    def lines(self) -> dict[Path, int]:
        return find_lines(self.text)

    def parse(self) -> Iterator[Problem]:
        """Fill `data`, or say why not."""
        text = self.text if self.text.endswith("\n") else self.text + "\n"
        try:
            self.data = tomllib.loads(text)
        except RecursionError:
            yield self._whole("is nested too deeply to be an inventory")
        except tomllib.TOMLDecodeError as error:
            yield self._not_toml(str(error))
        except ValueError:  # what Python's int() says of thousands of digits
            yield self._whole("holds a number that is too large")
        else:
            if not self.data:
                yield self._whole("is empty; docs/inventory.md shows what an inventory says")

    def _whole(self, template: str) -> Problem:
        return Problem(self.name, None, "", template)

    def _not_toml(self, message: str) -> Problem:
        at = _AT.search(message)
        line = int(at[1]) if at and at[1] else None
        written = self.text.splitlines()[line - 1] if line and line <= len(self.text.splitlines()) else ""
        if wide := next((char for char in written.partition("#")[0] if char in _WIDE), None):
            template = "is not TOML: {wide} was typed with the Chinese input method on; write {plain}"
            return Problem(self.name, line, "", template, {"wide": wide, "plain": _WIDE[wide]})
        return Problem(self.name, line, "", "is not TOML: {message}", {"message": _AT.sub("", message)})


def read_source(path: FilePath, name: str) -> Source | Problem:
    """The text of a file, or why it cannot be had."""
    try:
        if path.stat().st_size > FILE_LIMIT:
            limit = {"limit": str(FILE_LIMIT >> 20)}
            return Problem(name, None, "", "is larger than {limit} MB; split it into a folder of files", limit)
        content = path.read_bytes()
    except FileNotFoundError:
        return Problem(name, None, "", "there is no such file or folder")
    except OSError as error:
        return Problem(name, None, "", "cannot be read: {reason}", {"reason": error.strerror or str(error)})
    try:
        return Source(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return Problem(name, None, "", "is UTF-16 text; save it again with the encoding UTF-8")
        if _is_gbk(content):
            template = "is not UTF-8 but looks like GBK (Notepad's ANSI); save it again with the encoding UTF-8"
            return Problem(name, line, "", template)
        return Problem(name, line, "", "is not UTF-8 text; save it again with the encoding UTF-8")


def _is_gbk(content: bytes) -> bool:
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        return False
    foreign = [char for char in text if ord(char) > 127]
    return sum("一" <= char <= "鿿" or char in "，。、；：（）《》“”" for char in foreign) * 2 > len(foreign)


class Draft:
    """The tables of all files joined. A path into it is ("position", 3, "options", "community")."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self._from: dict[str, list[tuple[Source, int]]] = {kind: [] for kind in KINDS}
        self._bank: Source | None = None

    def tables(self, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every table of a kind with its number; whatever else was written there is not looked at."""
        for index, item in enumerate(self.data.get(kind, [])):
            if isinstance(item, dict):
                yield index, item

    def take(self, source: Source) -> Iterator[Problem]:
        """Join a file, saying what does not fit at its top."""
        for key, value in source.data.items():
            place = line_of(source.lines, (key,))
            if key == "bank":
                if self._bank is not None:
                    where = f"{self._bank.name}:{line_of(self._bank.lines, ('bank',))}"
                    template = "[bank] stands in {where} already; one file of the folder has it"
                    yield Problem(source.name, place, "bank", template, {"where": where})
                    continue
                self._bank = source
                self.data["bank"] = value
            elif key not in KINDS:
                yield Problem(source.name, place, key, *unknown_key(key, ["bank", *KINDS]))
            elif not isinstance(value, list):
                template = "is written once for each, with two brackets: [[{key}]]"
                yield Problem(source.name, place, key, template, {"key": key})
            else:
                self.data.setdefault(key, []).extend(value)
                self._from[key] += [(source, index) for index in range(len(value))]

    def problem(self, path: Path, template: str, **values: str) -> Problem:
        """A problem at `path`, with its file, its line, and the path as people read it."""
        source, local = self._local(path)
        return Problem(source.name, line_of(source.lines, local), self._label(path), template, values)

    def where(self, path: Path) -> str:
        """ "inventory.toml:12": where something else stands."""
        source, local = self._local(path)
        line = line_of(source.lines, local)
        return source.name if line is None else f"{source.name}:{line}"

    def has_bank(self) -> bool:
        return self._bank is not None

    def impossible_values(self) -> Iterator[Problem]:
        """What TOML can hold, and neither a screen nor a database."""
        left: list[tuple[Path, Any]] = [((key,), value) for key, value in self.data.items()]
        while left:
            path, value = left.pop()
            if isinstance(value, dict):
                left += [((*path, key), inner) for key, inner in value.items()]
            elif isinstance(value, list):
                left += [((*path, index), inner) for index, inner in enumerate(value)]
            elif template := _impossible(value, in_options="options" in path):
                yield self.problem(path, template, value=shown(value))
            elif isinstance(value, str) and (unseen := UNSEEN.search(value)):
                yield self.problem(path, _SAYS_UNSEEN, value=shown(value), **_where(unseen))

    def _local(self, path: Path) -> tuple[Source, Path]:
        """The file a path leads into, and the path in that file."""
        if path and path[0] in KINDS and len(path) > 1 and isinstance(path[1], int):
            source, index = self._from[str(path[0])][path[1]]
            return source, (path[0], index, *path[2:])
        if self._bank is not None:
            return self._bank, path
        raise LookupError(path)

    def _label(self, path: Path) -> str:
        if len(path) < 2 or not isinstance(path[1], int):
            return ".".join(map(str, path))
        kind, index = str(path[0]), path[1]
        label = f"{kind}[{self.key(kind, index) or f'#{self._local(path)[1][1] + 1}'}]"  # type: ignore[operator]
        for step in path[2:]:
            label += f"[{step}]" if isinstance(step, int) else f".{step}"
        return label

    def key(self, kind: str, index: int) -> str | None:
        """The key of a table as people know it: "1001", "1001/atm-1", an asset number."""
        item = self.data[kind][index]
        parts = {"device": ["asset"], "position": ["branch", "key"], "line": ["branch", "key"]}.get(kind, ["key"])
        values = [item.get(part) for part in parts] if isinstance(item, dict) else [None]
        texts = [value for value in values if isinstance(value, str) and value.isprintable() and len(value) <= 80]
        return "/".join(texts) if len(texts) == len(values) else None


def _where(unseen: re.Match[str]) -> dict[str, str]:
    before = unseen.string[max(0, unseen.start() - 8) : unseen.start()]
    return {"letter": f"U+{ord(unseen[0]):04X}", "at": str(unseen.start() + 1), "before": shown(before)}


def unknown_key(key: str, known: list[str]) -> tuple[str, dict[str, str]]:
    """The sentence for a key nobody knows, with the nearest that is known."""
    if near := nearest(key, known):
        return "there is no such key; did you mean {near}?", {"near": near}
    return "there is no such key; the keys here are: {keys}", {"keys": ", ".join(known)}


def _impossible(value: object, *, in_options: bool) -> str | None:
    if isinstance(value, str):
        if "\x00" in value or (_CONTROL.search(value) and not in_options):
            return "{value} holds a control character"
    elif isinstance(value, float) and not abs(value) < float("inf"):
        return "{value} is not a number anything can be compared with"
    elif isinstance(value, int) and abs(value) >= INTEGER_LIMIT:
        return "{value} is too large"
    elif in_options and isinstance(value, date | time):
        return "{value} is a date to TOML; write it in quotes"
    return None
