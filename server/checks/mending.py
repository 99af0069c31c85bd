"""What to do about a verdict: what fails is mended, and what is not known is made known first."""

from typing import Final

from server.checks.check import Check
from server.checks.judging import Verdict, Word
from server.checks.words import Phrase

_BY_REASON: Final = {
    **dict.fromkeys(("never", "old", "unasked", "timeout", "no_network"), "tell_again"),
    "rights": "grant_rights",
    "absent": "look_there",
    "not_by_snmp": "another_way",
    **dict.fromkeys(("unreadable", "misfit", "contradicts", "bad_port", "bad_network", "no_version"), "read_log"),
    **dict.fromkeys(("ahead_of_now", "bad_date"), "set_clock"),
    "left_out": "look_there",
    **dict.fromkeys(
        ("no_row", "no_support_row", "no_baseline", "odd", "check_broken", "folder_broken", "bank_broken"),
        "tell_head",
    ),
}


def steps(check: Check, verdict: Verdict, lang: str) -> list[str]:
    """In a language. Nothing where there is nothing to do."""
    if verdict.word is Word.FAIL:
        return list(check.mend["en" if lang == "en" else "zh"])
    if verdict.word is not Word.UNKNOWN:
        return []
    known = dict.fromkeys(_BY_REASON[line.key] for line in verdict.why if line.key in _BY_REASON)
    return [Phrase(key).of(lang) for key in known]
