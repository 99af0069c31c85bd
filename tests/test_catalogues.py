"""The Chinese catalogues as people write them: one text has one translation, wherever it stands."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = re.compile(r'^msgid ((?:".*"\n)+)', re.MULTILINE)


@pytest.mark.parametrize("package", ["agent", "server", "tui"])
def test_no_text_is_translated_twice(package: str) -> None:
    """gettext takes one of the two and says nothing: a screen then shows the word of another."""
    written = (ROOT / package / "locale/zh/LC_MESSAGES" / f"{package}.po").read_text(encoding="utf-8")
    texts = Counter("".join(re.findall(r'"(.*)"', found)) for found in TEXT.findall(written))
    assert len(texts) > 100
    assert [text for text, times in texts.items() if times > 1] == []
