"""Outside text made fit to be shown: what a device or a person wrote never moves the cursor nor hides itself."""

import json
import re
import unicodedata

from server.schemas.unseen import UNSEEN

LONGEST = 4000  # characters; a device that says a megabyte is cut, and the cut is shown

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")  # C0 and C1
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # they choose a form, and terminals differ on its width


def plain(text: str, longest: int = LONGEST) -> str:
    """`text` on one line: white space becomes a blank, a control is spelled as ^[ or \\x9b, what hides is dropped."""
    cut = text[:longest] + "…" if len(text) > longest else text
    cut = _SELECTORS.sub("", UNSEEN.sub(_missing, cut))
    return cut if cut.isprintable() else "".join(_seen(character) for character in cut)


def plain_lines(text: str) -> str:
    """`text` with its line breaks kept, for notes people write."""
    return "\n".join(plain(line) for line in text[:LONGEST].splitlines())


def to_json(value: object, indent: int | None = 2) -> str:
    """JSON people can read that no terminal takes for an order: JSON itself lets C1 controls through."""
    said = json.dumps(value, ensure_ascii=False, indent=indent)
    said = _CONTROLS.sub(lambda match: match[0] if match[0] == "\n" else _escape(match), said)
    return UNSEEN.sub(_escape, said)


def _escape(match: re.Match[str]) -> str:
    """As JSON writes a letter by its number: two halves of one beyond U+FFFF."""
    return json.dumps(match[0])[1:-1]


def _missing(match: re.Match[str]) -> str:
    """What turns, joins or hides is dropped; what stands for something that was there leaves a mark."""
    return " " if match[0] in "\u2028\u2029\u2800\u3164\uffa0" else match[0] if "\ud800" <= match[0] <= "\udfff" else ""


def _seen(character: str) -> str:
    if character.isprintable() or character == "\u3000":
        return character
    if character.isspace():
        return " "
    if unicodedata.category(character) == "Cf":  # a mark of an old script without a form of its own
        return ""
    if character < " ":
        return "^" + chr(ord(character) + 64)  # ^[ for escape: every font has it
    return f"\\x{ord(character):02x}"
