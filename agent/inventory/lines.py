"""On which line of a TOML file a thing stands: tomllib does not say, and a person needs it to mend the thing.

The scanner reads what tomllib has accepted already, so it need not judge, only find headers and keys. Where it cannot
follow, it stops: the line of the nearest thing above is then the answer.
"""

import re
import tomllib
from bisect import bisect_right
from contextlib import suppress

Path = tuple[str | int, ...]

_BASIC = r'"(?:[^"\\\n]|\\.)*"'
_LITERAL = r"'[^'\n]*'"
_KEY = re.compile(rf"[ \t]*([A-Za-z0-9_-]+|{_BASIC}|{_LITERAL})[ \t]*")
_TRIVIA = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(rf'"""(?:[^\\]|\\.)*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|{_BASIC}|{_LITERAL}', re.DOTALL)
_BARE = re.compile(r"[^,\]}#\r\n]+")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?")


class _CannotFollow(Exception):
    pass


def find_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and list item of `text`: ("position", 0, "name") -> 12."""
    scanner = _Scanner(text)
    with suppress(_CannotFollow, RecursionError):
        scanner.run()
    return scanner.lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest thing it is in."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._counts: dict[Path, int] = {}  # the last index of each array of tables

    def run(self) -> None:
        table: Path = ()
        while True:
            self._skip(_TRIVIA)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_REST)

    def _header(self) -> Path:
        start = self.at
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        keys = self._keys()
        self._expect("]]" if many else "]")
        path: Path = ()
        for number, key in enumerate(keys, 1):
            path = (*path, key)
            if many and number == len(keys):
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                self._note(path, start)
                path = (*path, self._counts[path])
            self._note(path, start)
        return path

    def _pair(self, table: Path) -> None:
        start = self.at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self._expect("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_TRIVIA)
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline(path)
        else:
            pattern = _STRING if opening in {'"', "'"} else _BARE
            if not (match := pattern.match(self.text, self.at)):
                raise _CannotFollow
            self.at = match.end()

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while not self._closes("]"):
            self._note((*path, index), self.at)
            self._value((*path, index))
            index += 1
            self._comma()

    def _inline(self, path: Path) -> None:
        self.at += 1
        while not self._closes("}"):
            self._pair(path)
            self._comma()

    def _closes(self, bracket: str) -> bool:
        self._skip(_TRIVIA)
        if self.text.startswith(bracket, self.at):
            self.at += 1
            return True
        return False

    def _comma(self) -> None:
        self._skip(_TRIVIA)
        if self.text.startswith(",", self.at):
            self.at += 1

    def _keys(self) -> list[str]:
        keys = []
        while True:
            if not (match := _KEY.match(self.text, self.at)):
                raise _CannotFollow
            self.at = match.end()
            raw = match[1]
            keys.append(_unquoted(raw) if raw[0] in "\"'" else raw)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _expect(self, mark: str) -> None:
        if not self.text.startswith(mark, self.at):
            raise _CannotFollow
        self.at += len(mark)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self.text, self.at):
            self.at = match.end()

    def _note(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._ends, at - 1) + 1)


def _unquoted(raw: str) -> str:
    """The key a quoted one means."""
    try:
        return next(iter(tomllib.loads(f"{raw} = 0")))
    except tomllib.TOMLDecodeError:  # a control character, say: the text is no TOML, and whoever reads it says so
        raise _CannotFollow from None
