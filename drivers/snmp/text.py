"""Octets of a device made into text. Chinese devices say GBK, UTF-8, or a UTF-8 cut off in the middle."""

LIMIT = 255  # characters; DisplayString is no longer, and nobody reads more


def decode_text(octets: bytes) -> str:
    """UTF-8 if it is that, else GB18030 if it is that, else UTF-8 with marks. One line of what can be printed."""
    return _clean(_decode(octets[: LIMIT * 4]))


def _decode(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > 0 and error.reason == "unexpected end of data":  # a column cut at so many bytes
            return octets[: error.start].decode("utf-8")
    try:
        return octets.decode("gb18030")
    except UnicodeDecodeError:
        return octets.decode("utf-8", "replace")


def _clean(text: str) -> str:
    kept = text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
    return " ".join(kept.split())[:LIMIT]
