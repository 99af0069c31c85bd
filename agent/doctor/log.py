"""The log: can it be written, and what was the last trouble it tells of."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.causes import chinese
from agent.doctor.finding import Finding, Text, Word
from agent.doctor.mends import MAKE_ROOM
from agent.doctor.patient import Patient
from agent.logs import FILE, FOLDER

NOUN = Text("日志", "log")
TAIL_BYTES = 64 << 10
DAY = timedelta(days=1)


def look(patient: Patient) -> list[Finding]:
    file = patient.home / FOLDER / FILE
    if patient.disk.full:
        said = Text("磁盘已满，日志写不进去。", "The disk is full, so it cannot be written.")
        return [Finding(noun=NOUN, word=Word.WRONG, said=said, mend=MAKE_ROOM, facts={"file": str(file)})]
    if not file.exists():
        said = Text("还没有日志。", "There is none yet.")
        return [Finding(noun=NOUN, word=Word.HEED, said=said, mend=Text("先启动采集程序。", "Start the agent first."))]
    try:
        lines = _tail(file)
    except OSError as error:
        said = Text(f"日志不能读：{chinese(error)}。", f"It cannot be read: {error.strerror}.")
        mend = Text("用采集程序的用户或管理员身份再查。", "Look again as the agent's user or an administrator.")
        return [Finding(noun=NOUN, word=Word.UNSEEN, said=said, mend=mend)]
    size = sum(path.stat().st_size for path in file.parent.iterdir())
    since = datetime.fromtimestamp(patient.now.wall / 1_000_000, UTC) - DAY
    errors = [line for line in lines if line["level"] in ("error", "critical") and _at(line) >= since]
    facts = {"bytes": size, "errors_in_a_day": len(errors)}
    if not errors:
        said = Text(f"{file}，{size >> 10} KB，最近一天没有错误。", f"{file}, {size >> 10} KB, no error in a day.")
        return [Finding(noun=NOUN, word=Word.WELL, said=said, facts=facts)]
    last = errors[-1]
    said = Text(
        f"最近一天有 {len(errors)} 个错误，最后一个：{last['said']}",
        f"{len(errors)} errors in a day, the last: {last['said']}",
    )
    mend = Text(f"把 {file} 发给总行科技。", f"Send {file} to head office.")
    return [Finding(noun=NOUN, word=Word.HEED, said=said, mend=mend, facts=facts)]


def _tail(file: Path) -> list[dict[str, Any]]:
    """The newest whole lines."""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        start = opened.seek(max(0, size - TAIL_BYTES))
        text = opened.read().decode("utf-8", errors="replace")
    lines = text.splitlines()[1 if start else 0 :]
    read = (_line(line) for line in lines)
    return [line for line in read if line is not None]


def _line(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
        datetime.fromisoformat(line["at"])
        return line if {"level", "said"} <= line.keys() else None
    except (ValueError, KeyError, TypeError, AttributeError):  # a torn line after a power cut
        return None


def _at(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["at"])
