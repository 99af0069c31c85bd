"""The register's words, for the file and for people without a console."""

from typing import Final

from server.schemas.registers import Category, Entry, Outcome, Source

SOURCES: Final[dict[Source, str]] = {
    Source.HAND: "by hand",
    Source.REMOTE: "remotely",
    Source.IMPORT: "imported",
}
KINDS: Final[dict[Entry, str]] = {
    Entry.CHECK: "Check",
    Entry.ANTIVIRUS: "Antivirus update",
    Entry.PATCH: "Patch",
    Entry.MEND: "Mending",
    Entry.REVIEW: "Looked at again",
}
CATEGORIES: Final[dict[Category, str]] = {
    Category.NONE: "",
    Category.DAILY: "daily",
    Category.SPECIAL: "special",
    Category.SELF: "own check",
    Category.SPOT: "spot check",
}
OUTCOMES: Final[dict[Outcome, str]] = {
    Outcome.NONE: "",
    Outcome.PASS: "pass",
    Outcome.FAIL: "fail",
    Outcome.UNKNOWN: "not known",
    Outcome.EXEMPT: "exempt",
    Outcome.NOT_APPLICABLE: "does not apply",
    Outcome.UNDONE: "not done",
    Outcome.UPDATED: "updated",
    Outcome.REVERTED: "older than before",
    Outcome.CHANGED: "changed",
}
