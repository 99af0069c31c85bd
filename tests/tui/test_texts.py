"""Everything the console says is there in Chinese."""

import ast
import gettext
import string
from importlib.resources import files
from pathlib import Path

import pytest

TUI = Path(str(files("tui")))
CATALOGUE = TUI / "locale/zh/LC_MESSAGES/tui.mo"


def said() -> set[str]:
    """Every text handed to _() or N_() in the code."""
    found = set()
    for path in TUI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "N_"):
                argument = node.args[0]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
    return found - {""}


@pytest.fixture(scope="module")
def catalogue() -> gettext.GNUTranslations:
    with CATALOGUE.open("rb") as file:
        return gettext.GNUTranslations(file)


def test_every_text_has_its_chinese(catalogue: gettext.GNUTranslations) -> None:
    spoken = set(catalogue._catalog)  # type: ignore[attr-defined]
    assert said() - spoken == set()


def test_a_translation_fills_the_same_blanks(catalogue: gettext.GNUTranslations) -> None:
    def blanks(text: str) -> set[str | None]:
        return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}

    wrong = {text for text in said() if blanks(text) != blanks(catalogue.gettext(text))}
    assert wrong == set()


def test_the_compiled_catalogue_is_that_of_the_written_one(catalogue: gettext.GNUTranslations) -> None:
    from babel.messages.pofile import read_po

    with CATALOGUE.with_suffix(".po").open("rb") as file:
        written = {message.id: message.string for message in read_po(file) if message.id and message.string}
    compiled = {key: value for key, value in catalogue._catalog.items() if key}  # type: ignore[attr-defined]
    assert compiled == written
