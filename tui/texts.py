"""What is said to people: English in the code, Chinese by default from `locale/zh/LC_MESSAGES/tui.po`.

One process speaks one language, chosen at its start; a context variable carries it into workers and tests.
"""

import gettext
from contextvars import ContextVar
from functools import cache
from importlib.resources import as_file, files

LANGUAGES = ("zh", "en")
_language: ContextVar[str] = ContextVar("language", default="zh")


def speak(language: str) -> None:
    """Choose the language of this context; anything unknown is Chinese."""
    _language.set(language if language in LANGUAGES else "zh")


def language() -> str:
    return _language.get()


def _(text: str) -> str:
    """`text` in the chosen language."""
    return _catalogue(_language.get()).gettext(text) if text else ""


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark `text` for the catalogue where it cannot be said yet: class attributes."""
    return text


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    with as_file(files("tui").joinpath("locale")) as folder:
        return gettext.translation("tui", folder, languages=[language], fallback=True)
