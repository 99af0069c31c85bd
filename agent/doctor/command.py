"""All looks in order, shown for a person or a program."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from agent import wire
from agent.cells import cells
from agent.clock import system_clocks
from agent.doctor import box, clock, devices, itself, log, server, spool
from agent.doctor.finding import Finding, Text, Word
from agent.doctor.patient import Patient, look_at
from agent.exit import Exit

LOOKS = (itself, clock, server, spool, log, box, devices)
_WORDS = {
    Word.WELL: Text("正常", "well"),
    Word.HEED: Text("注意", "heed"),
    Word.WRONG: Text("有问题", "wrong"),
    Word.UNSEEN: Text("看不到", "not seen"),
}
_WIDTH = 8  # cells of the widest word


def examine(home: Path, lang: Literal["zh", "en"] = "zh") -> list[Finding]:
    """What every look found. Nothing is sent to a device; the server is asked for a challenge only."""
    with _quietly():
        patient = asyncio.run(look_at(home, os.environ, system_clocks(home), lang))
    return findings(patient)


def findings(patient: Patient) -> list[Finding]:
    """Of a PC that was never set up that comes first, and what merely follows from it is left out."""
    found = [finding for part in LOOKS for finding in part.look(patient)]
    if patient.unset is None or patient.unset.code is not Exit.NOT_SET_UP:
        return found
    own = {clock.NOUN, itself.FILES, spool.DISK} | ({spool.NOUN} if patient.spool.there else set())
    rest = [one for one in found if one.noun in own and one.word is not Word.UNSEEN]
    return [*server.look(patient), *rest]


@contextmanager
def _quietly() -> Iterator[None]:
    """What the agent's parts would log of a trouble is a finding here."""
    log = logging.getLogger("agent")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def all_well(found: list[Finding]) -> bool:
    """Only if everything was seen and is well."""
    return all(finding.word is Word.WELL for finding in found)


def lines(found: list[Finding], lang: Literal["zh", "en"]) -> Iterator[str]:
    """For the person at the PC; read out over the phone, one line after the other."""
    pick = ("zh", "en").index(lang)
    for finding in found:
        word = _WORDS[finding.word][pick]
        yield f"[{word}]{' ' * (_WIDTH - cells(word))} {finding.noun[pick]}: {finding.said[pick]}"
        if finding.mend is not None:
            yield f"{' ' * (_WIDTH + 3)}{('处理：', 'Do: ')[pick]}{finding.mend[pick]}"
    counts = Counter(finding.word for finding in found)
    said = ("，", ", ")[pick].join(f"{_WORDS[word][pick]} {counts[word]}" for word in Word)
    yield Text(f"共 {len(found)} 项：{said}。", f"{len(found)} looks: {said}.")[pick]


def as_json(found: list[Finding], lang: Literal["zh", "en"]) -> dict[str, Any]:
    pick = ("zh", "en").index(lang)
    return {"well": all_well(found), "found": [finding.as_json(pick) for finding in found]}


def told(found: list[Finding]) -> list[wire.Finding]:
    """As head office hears of it, in both languages; what is not well comes first, and well is only what was seen."""
    order = [Word.WRONG, Word.HEED, Word.UNSEEN, Word.WELL]
    return [_told(finding) for finding in sorted(found, key=lambda finding: order.index(finding.word))]


def _told(finding: Finding) -> wire.Finding:
    mend = finding.mend or Text("", "")
    return wire.Finding(
        what=finding.noun.en,
        good=None if finding.word is Word.UNSEEN else finding.word is Word.WELL,
        zh=f"{finding.noun.zh}：{finding.said.zh}",
        en=f"{finding.noun.en}: {finding.said.en}",
        mend_zh=mend.zh,
        mend_en=mend.en,
    )
