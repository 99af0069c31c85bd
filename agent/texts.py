"""What is said to people at a terminal: English in the code, Chinese by default from `locale/zh/LC_MESSAGES/agent.po`.

The help of all three programs is in it, and what is wrong with an inventory, which a server says too.
"""

import gettext
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from importlib.resources import files

Gettext = Callable[[str], str]

_language: ContextVar[str] = ContextVar("language", default="zh")


@cache
def translations(lang: str) -> gettext.NullTranslations:
    """What is not translated stays English."""
    if lang == "en":
        return gettext.NullTranslations()
    with files("agent").joinpath("locale", lang, "LC_MESSAGES", "agent.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def gettext_for(lang: str) -> Gettext:
    """The function that says a text in `lang`."""
    return translations(lang).gettext


def speak(lang: str) -> None:
    """Choose the language of this program."""
    _language.set(lang)


def _(text: str) -> str:
    """`text` in the chosen language."""
    return gettext_for(_language.get())(text)
