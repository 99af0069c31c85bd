"""The server's sentences in Chinese and English. The English sentence is its own key; `locale/zh` has the Chinese.

People write the .po; `make texts` compiles it to the .mo that is read here. What is wrong with an inventory is said by
agents too, and stands in theirs.
"""

import gettext
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from agent.texts import translations

Gettext = Callable[[str], str]

LANGUAGES = ("zh", "en")


@cache
def gettext_for(lang: str) -> Gettext:
    """The function that says a sentence in `lang`; what is not translated stays English."""
    if lang == "en":
        return str
    compiled = files("server").joinpath("locale", lang, "LC_MESSAGES", "server.mo")
    with compiled.open("rb") as file:
        own = gettext.GNUTranslations(file)
    own.add_fallback(translations(lang))
    return own.gettext


def language_of(accept: str | None) -> str:
    """ "en-GB,en;q=0.8" -> "en"; Chinese for whatever else is asked for, or nothing."""
    first = (accept or "").split(",")[0].strip().lower()
    return "en" if first.startswith("en") else "zh"
