"""Raw bytes as an engineer reads them: offsets, hexadecimal, and the text in GBK where it is text."""

from collections.abc import Mapping

from rich.text import Text

from tui.plain import plain
from tui.texts import _

A_ROW = 16  # bytes


def dump(raw: Mapping[str, str], dim: str) -> Text:
    """`raw`: question -> hexadecimal with blanks, as the server gives it."""
    text = Text()
    for question, answer in raw.items():
        text.append(plain(question) + "\n", style="bold")
        content = _bytes(answer)
        if content is None:
            text.append(plain(answer) + "\n")
            continue
        for offset in range(0, len(content), A_ROW):
            row = content[offset : offset + A_ROW]
            text.append(f"  {offset:04x}  ", style=dim)
            text.append(row.hex(" ").ljust(A_ROW * 3))
            text.append(" " + "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row) + "\n", style=dim)
        spoken = _spoken(content)
        if spoken:
            text.append(f"  {spoken}\n", style=dim)
    return text if raw else Text(_("No raw bytes were kept: the device answered as expected."))


def _bytes(answer: str) -> bytes | None:
    try:
        return bytes.fromhex(answer)
    except ValueError:
        return None


def _spoken(content: bytes) -> str:
    """What the bytes say in GBK, if they say anything beyond ASCII."""
    if content.isascii():
        return ""
    try:
        return "GBK: " + plain(content.decode("gb18030"))
    except UnicodeDecodeError:
        return ""
