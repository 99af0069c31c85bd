"""The scanner finds the line of everything tomllib accepts."""

import tomllib
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from agent.inventory.lines import Path, find_lines, line_of

TEXT = """\
# a comment with [brackets] and = signs
[bank]
name = "a # no comment"
"quoted key" = 'literal'

[[position]]
key = "one"
options = { a.b = 1, "c d" = [1,
  2], e = {} }
note = \"\"\"
key = "not a key"
\\\"\"\" still inside \"\"\"\"
[[position]]
  key = "two" # here
  [position.options]
  community = '''
x'''
  list = [ # comment ]
    2026-01-01 08:00:00,
    "second",
  ]
a.b.c = 1
"""


def test_the_line_of_everything_is_found() -> None:
    lines = find_lines(TEXT)
    assert tomllib.loads(TEXT)
    assert {
        ("bank",): 2,
        ("bank", "quoted key"): 4,
        ("position", 0): 6,
        ("position", 0, "options", "a", "b"): 8,
        ("position", 0, "options", "c d", 1): 9,
        ("position", 0, "note"): 10,
        ("position", 1): 13,
        ("position", 1, "key"): 14,
        ("position", 1, "options", "list", 1): 20,
        ("position", 1, "options", "a", "b", "c"): 22,
    }.items() <= lines.items()
    assert ("position", 0, "key") in lines


def test_what_has_no_line_of_its_own_has_that_of_what_it_is_in() -> None:
    assert line_of(find_lines(TEXT), ("position", 1, "missing", "deeper")) == 13
    assert line_of({}, ("position", 1)) is None


KEYS = st.text(min_size=1, max_size=4)
VALUES = st.recursive(
    st.integers(-9, 9) | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
GAPS = st.sampled_from([" ", "  ", "\n", " # [x]\n", "\n\n\t"])


def quoted(text: str) -> str:
    plain = "".join(char if char.isalnum() and char.isascii() else f"\\U{ord(char):08x}" for char in text)
    return f'"{plain}"'


def written(value: Any, gap: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + ",".join(gap + written(inner, gap) for inner in value) + gap + "]"
    return "{" + ", ".join(f"{quoted(key)} = {written(inner, gap)}" for key, inner in value.items()) + "}"


def leaves(value: Any, path: Path) -> list[Path]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, part in inner for leaf in leaves(part, (*path, key)))]


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=3), GAPS)
def test_every_path_of_any_document_has_a_line(tables: list[dict[str, Any]], gap: str) -> None:
    text = "".join(
        "[[x]]\n" + "".join(f"{quoted(key)} = {written(value, gap)}\n" for key, value in table.items())
        for table in tables
    )
    parsed = tomllib.loads(text)
    assert parsed == {"x": tables}
    lines = find_lines(text)
    paths = [leaf for index, table in enumerate(tables) for leaf in leaves(table, ("x", index))]
    assert set(paths) <= set(lines)
    in_order = [lines[path] for path in paths]
    assert in_order == sorted(in_order)


@given(st.text())
@example('"\x1f"')
def test_no_text_makes_the_scanner_fail(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in find_lines(text).values())
