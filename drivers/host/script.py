"""The scripts a host is asked with, beside this file, and how what they say is read.

A script travels on standard input; the command line is always the same words. Its SHA-256 is written down here, so
that one that was changed after it was shipped is not run, and is told with every reading and with the facts.
"""

import base64
import hashlib
import secrets
import unicodedata
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from drivers.errors import Garbled, NotSupported, Reason

SHELL = "/bin/sh"
POWERSHELL = "powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command -"
READ, FACTS, WINDOWS = "read.sh", "facts.sh", "windows.ps1"
SHA256 = {
    READ: "38b46b9a645876549108070c7ee5e65d12f1f7d0df94cd6e8b0d7818d762b2fc",
    FACTS: "6dd8eec0bef76b2aef2d9cf2dd5c77e9dfc3c27499f5eeab51193bb965097ef6",
    WINDOWS: "62b8d2c3b2754eebfcfd704ca236a4f8a99521d71a0fa43e0d62cee2037caa53",
}
# Scripts of earlier releases that hosts carry and post by, whose words still mean the same. One that said something
# wrong is taken out: it is refused then, and its host says so. What an old one does not tell is not known of its host.
EARLIER: dict[str, str] = {}  # SHA-256 -> name; none so far
MOST_LINES = 200
MOST_TEXT = 200  # characters of one value
UNSAID = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}  # control codes, bidi marks, what no screen shows


def is_known(name: str, sha256: str) -> bool:
    """Whether what a script of that name and digest says is understood here."""
    return sha256 == SHA256.get(name) or EARLIER.get(sha256) == name


class Script(NamedTuple):
    """What is run on a host, and by which words. `part` is what the one script of Windows is to say."""

    name: str
    command: str = SHELL
    part: str = ""


class Markers(NamedTuple):
    """The lines between which the script speaks; new ones for every run, so no host can know them before."""

    begin: bytes
    end: bytes


@cache
def shipped(name: str) -> bytes:
    """The script as it was shipped, else NotSupported."""
    script = files("drivers.host").joinpath(name).read_bytes()
    found = hashlib.sha256(script).hexdigest()
    if found != SHA256[name]:
        raise NotSupported(
            Reason.NOT_INSTALLED,
            f"the script {name} of this agent is not the one it was shipped with: its SHA-256 is {found}",
        )
    return script


def new_markers() -> Markers:
    token = secrets.token_hex(16)
    return Markers(f"BEGIN-{token}".encode(), f"END-{token}".encode())


def to_send(script: Script, markers: Markers) -> bytes:
    """What is sent. Nothing that came from a host or an inventory is in it. NotSupported as of `shipped`."""
    shell, own = script.command == SHELL, shipped(script.name)
    return with_markers(own, markers) if shell else in_one_line(own, markers, script.part)


def in_one_line(script: bytes, markers: Markers, part: str) -> bytes:
    """PowerShell takes what comes by -Command - line by line, as if it were typed: so the script is one."""
    whole = b"$begin_marker = '%s'; $end_marker = '%s'; $part = '%s'\n%s" % (*markers, part.encode(), script)
    packed = base64.b64encode(whole).decode("ascii")
    unpack = f"[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{packed}'))"
    return f". ([ScriptBlock]::Create({unpack}))\n\nexit\n".encode("ascii")


def with_markers(script: bytes, markers: Markers) -> bytes:
    """Before a script for a shell."""
    return b"begin_marker=%s\nend_marker=%s\n%s" % (markers.begin, markers.end, script)


def between(heard: bytes, markers: Markers) -> bytes | None:
    """What was said between the markers, behind whatever a login prints; None as long as it is not all there."""
    begin, end = b"%s\n" % markers.begin, b"\n%s\n" % markers.end
    start = heard.find(begin)
    if start < 0:
        return None
    stop = heard.find(end, start + len(begin) - 1)
    return None if stop < 0 else heard[start + len(begin) : stop]


def values(said: bytes) -> dict[str, str]:
    """KEY=VALUE of each line, fit to be shown. Garbled if it is anything else."""
    lines = text_of(said).split("\n", MOST_LINES)
    if len(lines) > MOST_LINES:
        raise Garbled(Reason.UNREADABLE_OUTPUT, f"the script said more than {MOST_LINES} lines", raw=said[:1024])
    found: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or key in found:
            raise Garbled(Reason.UNREADABLE_OUTPUT, "the script's lines are not KEY=VALUE", raw=said[:1024])
        found[key] = cleaned(value)
    return found


def text_of(said: bytes) -> str:
    """As UTF-8 if it is that without a fault, else as GB18030, which older Chinese systems speak."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return said.decode(encoding)
        except UnicodeDecodeError:
            continue
    return said.decode("utf-8", errors="replace")


def cleaned(value: str) -> str:
    """In one line, without what moves a cursor or turns the direction of writing."""
    shown = "".join(" " if unicodedata.category(char) in UNSAID else char for char in value[:MOST_TEXT])
    return " ".join(shown.split())
