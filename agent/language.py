"""Which language a command speaks at a terminal."""

from collections.abc import Mapping, Sequence

LANGUAGES = ("zh", "en")


def language(words: Sequence[str], environ: Mapping[str, str], otherwise: str = "zh") -> str:
    """zh or en: what --lang says, else BRANCHFLEET_LANG, else what the program's settings say."""
    for word, after in zip(words, [*words[1:], ""], strict=False):
        said = after if word == "--lang" else word.removeprefix("--lang=")
        if word.startswith("--lang") and said in LANGUAGES:
            return said
    said = environ.get("BRANCHFLEET_LANG", "")
    return said if said in LANGUAGES else otherwise
