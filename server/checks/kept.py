"""The checks there are: those that came with the program, and those of the bank, in `checks/` of the server's home.

The folder is looked at each time it is asked for, so a file counts as soon as it is saved. A file that is wrong is told
of, and leaves the others as they are. It makes nobody green: while the bank's own file is wrong the last good one is in
force, after a start what reads it is unknown; and the check of a file that is wrong is unknown, not the shipped one.
Nor does a folder of which nobody can tell what is in it: the last good set is in force, after a start all is unknown.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import msgspec

from server.checks.bank import FILE, BadBank, Bank, read_bank
from server.checks.check import ALL, BadCheck, Check, broken_check, id_of, read_check
from server.checks.files import BadFile, Sign, names_in, read_text, sign_of
from server.errors import Told

FOLDER = "checks"
MOST = 500  # files
AGAIN = 600_000_000  # µs until the bank's newest libraries are looked up again


class Kept(msgspec.Struct, frozen=True):
    """`own`: ids of the bank's. `wrong`: what cannot be used, and why."""

    checks: Sequence[Check]
    own: frozenset[str]
    bank: Bank
    wrong: Sequence[Told]

    def with_newest(self, newest: Mapping[str, int]) -> Bank:
        return msgspec.structs.replace(self.bank, newest=newest)


class _Broken(NamedTuple):
    """A file that is wrong, why, and which check it was to be, as far as that can be told."""

    why: Told
    id: str


@cache
def shipped() -> tuple[Check, ...]:
    here = sorted(files("server.checks").joinpath("shipped").iterdir(), key=lambda one: one.name)
    return tuple(read_check(one.read_text(encoding="utf-8"), one.name) for one in here if one.name.endswith(".toml"))


class Checks:
    """What one server has. `folder` is None where it has no home, as in tests."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[Sign | None, Check | _Broken]] = {}
        self._was: dict[Path, Check] = {}  # the last of each file that could be read
        self._set: tuple[tuple[Check, ...], frozenset[str]] | None = None  # the last of the folder that could be listed
        self._bank: tuple[Sign | None, Bank | BadBank] | None = None
        self._good: Bank | None = None  # the last of the bank's file that could be read
        self._newest: tuple[int, Mapping[str, int]] | None = None

    def newest(self, now: int, look: Callable[[], Mapping[str, int]]) -> Mapping[str, int]:
        if self._newest is None or not 0 <= now - self._newest[0] < AGAIN:
            self._newest = now, look()
        return self._newest[1]

    def kept(self) -> Kept:
        """A check of the bank with the id of a shipped one takes its place, also while its file is wrong."""
        wrong: list[Told] = []
        try:
            self._set = self._checks(self._files(), wrong)
        except BadCheck as bad:
            wrong.append(bad)
        checks, own = self._set or (tuple(msgspec.structs.replace(one, broken=ALL) for one in shipped()), frozenset())
        return Kept(checks, own, self._bank_now(wrong), wrong)

    def _checks(self, files: Sequence[Path], wrong: list[Told]) -> tuple[tuple[Check, ...], frozenset[str]]:
        """All there are, and which of them are the bank's."""
        found: dict[str, Check] = {check.id: check for check in shipped()}
        own: dict[str, str] = {}
        broken: dict[str, Path] = {}
        for file in files:
            said = self._check(file)
            if isinstance(said, _Broken):
                wrong.append(said.why)
                if said.id:
                    broken[said.id] = file
                    continue
                if file not in self._was:
                    continue
                check = self._was[file]
            else:
                check = said
            if check.id in own:
                wrong.append(
                    BadCheck("{file}: {other} has the id {id} already", file=file, other=own[check.id], id=check.id)
                )
            else:
                found[check.id] = check
                own[check.id] = file.name
        for name, file in broken.items():
            was = self._was.get(file)
            found[name] = broken_check(name, file.name, was if was and was.id == name else found.get(name))
            own[name] = file.name
        return tuple(found.values()), frozenset(own)

    def _files(self) -> list[Path]:
        """None where there is no folder. BadCheck: it cannot be told what is in it, or it is too much."""
        if self._folder is None:
            return []
        try:
            wanted = [name for name in names_in(self._folder) if name != FILE]
        except BadFile as bad:
            raise BadCheck("{why}. Until it can the last good set counts, or nothing is known", why=bad) from bad
        if len(wanted) > MOST:
            many = (
                "{file} has more than {most} files: until there are fewer the last good set counts, or nothing is known"
            )
            raise BadCheck(many, file=self._folder, most=MOST)
        return [self._folder / name for name in wanted]

    def _check(self, file: Path) -> Check | _Broken:
        text = ""
        try:
            sign = sign_of(file)
            known = self._read.get(file)
            if known is not None and known[0] == sign:
                return known[1]
            text = read_text(file)
            said: Check | _Broken = read_check(text, str(file))
        except BadFile as bad:
            return _Broken(bad, self._id_of(file, ""))
        except BadCheck as bad:
            said = _Broken(bad, self._id_of(file, text))
        if isinstance(said, Check):
            self._was[file] = said
        self._read[file] = sign, said
        return said

    def _id_of(self, file: Path, text: str) -> str:
        """Which check a file that is wrong was to be: as it says, else as it is called; "" if neither tells."""
        named = file.stem if any(check.id == file.stem for check in shipped()) else ""
        return id_of(text) or named

    def _bank_now(self, wrong: list[Told]) -> Bank:
        if self._folder is None:
            return Bank()
        said = self._bank_said(self._folder / FILE)
        if isinstance(said, Bank):
            self._good = said
            return said
        wrong.append(said)
        return self._good or Bank(broken=True)

    def _bank_said(self, file: Path) -> Bank | BadBank:
        try:
            sign = sign_of(file)
            if self._bank is None or self._bank[0] != sign:
                self._bank = sign, read_bank(file)
        except BadFile as bad:
            return BadBank("{why}", why=bad)
        except BadBank as bad:
            self._bank = sign, bad
        return self._bank[1]
