"""Verdicts in words and marks: the five, and only one of them good."""

from typing import Final

from server.schemas.matrix import CellOut, CountsOut
from tui.texts import N_, _
from tui.words.marks import Mark
from tui.words.times import span

WORDS: Final = {
    "pass": N_("pass"),
    "fail": N_("fail"),
    "unknown": N_("not known"),
    "not_applicable": N_("does not apply"),
    "exempt": N_("exempt"),
}
SHAPES: Final = {"pass": "●", "fail": "■", "unknown": "?", "not_applicable": "—", "exempt": "◇"}
SEVERITIES: Final = {"critical": N_("critical"), "major": N_("major"), "minor": N_("minor")}
MARKS: Final = {
    "pass": Mark("●", WORDS["pass"], "good"),
    "fail": Mark("■", WORDS["fail"], "fault"),
    "unknown": Mark("○", WORDS["unknown"], "unknown"),
    "not_applicable": Mark("—", WORDS["not_applicable"], "dim"),
    "exempt": Mark("◇", WORDS["exempt"], "idle"),
}
STANDINGS: Final = {
    "in_force": Mark("●", N_("in force"), "plain"),
    "ends_soon": Mark("▲", N_("ends soon"), "attention"),
    "over": Mark("◇", N_("over"), "dim"),
    "withdrawn": Mark("◇", N_("withdrawn"), "dim"),
}
FIELDS: Final = {
    "pass": "passes",
    "fail": "fails",
    "unknown": "unknown",
    "not_applicable": "not_applicable",
    "exempt": "exempt",
}


def counted(counts: CountsOut) -> str:
    """合格 412  不合格 9  未核查 21 …: all five, also those that are nought."""
    return _(", ").join(f"{_(word)} {getattr(counts, FIELDS[key]):,}" for key, word in WORDS.items())


def worst(counts: CountsOut) -> tuple[str, int]:
    """What a cell says of many hosts: how many fail, else how many nobody knows of, ... else that all pass."""
    for word in ("fail", "unknown", "exempt", "pass"):
        if number := getattr(counts, FIELDS[word]):
            return word, number
    return "not_applicable", counts.not_applicable


def aged(cell: CellOut, now: int) -> str:
    """Since when it is not well; of what was told once and is unknown, how old that is."""
    if cell.word in ("pass", "not_applicable") or cell.since is None:
        return ""
    at = cell.at if cell.word == "unknown" and cell.at is not None else cell.since
    return span(max(0, now - at))
