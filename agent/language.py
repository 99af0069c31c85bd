"""Which language a command speaks at a terminal, and what becomes of letters the terminal does not have.

Python writes UTF-8 in the C locale, unless PYTHONUTF8=0 or PYTHONIOENCODING makes it ASCII; half of a command's words
go through click, which writes UTF-8 to an ASCII stream all the same. So ASCII is taken for UTF-8 here, for all of them.
Where the terminal is of another encoding (a locale like en_US.ISO-8859-1, a code page like 437) Chinese would be a row
of question marks: English is spoken, and names, which are data, are spelled as a programmer writes them, \\u671b.
"""

import codecs
import sys
from collections.abc import Mapping, Sequence

LANGUAGES = ("zh", "en")


def settle_streams() -> None:
    """What the terminal cannot show must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        reconfigure(errors="backslashreplace")
        if codecs.lookup(stream.encoding).name == "ascii":
            reconfigure(encoding="utf-8")


def legible(lang: str) -> str:
    """`lang`, or English where standard output or standard error has no Chinese letters."""
    for stream in (sys.stdout, sys.stderr):
        try:
            "中文".encode(getattr(stream, "encoding", None) or "utf-8")
        except (UnicodeError, LookupError):
            return "en"
    return lang


def language(words: Sequence[str], environ: Mapping[str, str], otherwise: str = "zh") -> str:
    """zh or en: what --lang says, else BRANCHFLEET_LANG, else what the program's settings say."""
    for word, after in zip(words, [*words[1:], ""], strict=False):
        said = after if word == "--lang" else word.removeprefix("--lang=")
        if word.startswith("--lang") and said in LANGUAGES:
            return legible(said)
    said = environ.get("BRANCHFLEET_LANG", "")
    return legible(said if said in LANGUAGES else otherwise)
