"""Outside text made fit to be shown: what a device or a person wrote never moves the cursor nor hides itself."""

import json
import re
import unicodedata

LONGEST = 4000  # characters; a device that says a megabyte is cut, and the cut is shown

# C0 and C1 controls, and the marks that turn or hide text without being seen.
_ORDERS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def plain(text: str, longest: int = LONGEST) -> str:
    """`text` on one line: white space becomes a blank, a control is spelled as ^[ or \\x9b, what hides is dropped."""
    cut = text[:longest] + "…" if len(text) > longest else text
    return cut if cut.isprintable() else "".join(_seen(character) for character in cut)


def plain_lines(text: str) -> str:
    """`text` with its line breaks kept, for notes people write."""
    return "\n".join(plain(line) for line in text[:LONGEST].splitlines())


def to_json(value: object, indent: int | None = 2) -> str:
    """JSON people can read that no terminal takes for an order: JSON itself lets C1 controls through."""
    said = json.dumps(value, ensure_ascii=False, indent=indent)
    return _ORDERS.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", said)


def _seen(character: str) -> str:
    if character.isprintable() or character == "\u3000":
        return character
    if character.isspace():
        return " "
    kind = unicodedata.category(character)
    if kind == "Cf":  # turns, joins or hides
        return ""
    if character < " ":
        return "^" + chr(ord(character) + 64)  # ^[ for escape: every font has it
    return f"\\x{ord(character):02x}"
