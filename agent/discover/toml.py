"""Values in TOML, each in one line. Python reads TOML and does not write it."""

import re

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_value(value: object) -> str:
    """`value` in TOML, in one line; TypeError for what TOML has not."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case list() | tuple():
            return f"[{', '.join(map(toml_value, value))}]"
        case dict():
            inner = ", ".join(f"{_key(str(key))} = {toml_value(one)}" for key, one in value.items())
            return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    escaped = "".join(
        f"\\{character}" if character in '"\\' else character if character.isprintable() else f"\\U{ord(character):08X}"
        for character in text.encode("utf-8", errors="replace").decode("utf-8")
    )
    return f'"{escaped}"'
