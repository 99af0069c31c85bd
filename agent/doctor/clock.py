"""The PC's clock: an empty CMOS battery, a wrong zone, a clock that is off."""

import time
from datetime import UTC, datetime

from agent.doctor.finding import Finding, Text, Word, span
from agent.doctor.patient import Patient
from agent.link.trust import LEAP, Trust
from agent.wire import BUILT

NOUN = Text("时钟", "clock")
LATEST = BUILT + 50 * 366 * 86_400_000_000  # nor half a century later
OFF_MICROS = 60_000_000
BANK_HOURS = 8  # UTC+8, Asia/Shanghai


def look(patient: Patient) -> list[Finding]:
    now = datetime.fromtimestamp(patient.now.wall / 1_000_000, UTC).astimezone()
    shown = f"{now:%Y-%m-%d %H:%M}"
    offset = patient.answer.offset if patient.answer is not None else None
    facts: dict[str, object] = {"wall": patient.now.wall, "offset_ms": None if offset is None else offset // 1000}
    if not BUILT <= patient.now.wall <= LATEST:
        said = Text(f"电脑时间是 {shown}，明显不对。", f"The PC's time is {shown}, which cannot be.")
        mend = Text(
            "在屏幕右下角把日期和时间改对；如果关机再开又变错，是主板电池没电了，请报修更换电池。",
            "Set date and time. If they are wrong again after the PC was off, its CMOS battery is empty: replace it.",
        )
        return [Finding(noun=NOUN, word=Word.WRONG, said=said, mend=mend, facts=facts)]
    if offset is not None and offset > LEAP and patient.now.wall >= Trust(patient.home).passed:
        return [_servers(patient.now.wall + offset, facts)]
    if offset is not None and abs(offset) > OFF_MICROS:
        off = span(offset)
        said = Text(
            f"电脑时间是 {shown}，比服务器{'慢' if offset > 0 else '快'} {off.zh}。",
            f"The PC's time is {shown}, {off.en} {'behind' if offset > 0 else 'ahead of'} the server's.",
        )
        mend = Text(
            "在屏幕右下角按服务器或手机的时间校准电脑时间，再看时区是不是“北京”。",
            "Set the PC's clock by the server's or a phone's, and see that its zone is right.",
        )
        return [Finding(noun=NOUN, word=Word.WRONG, said=said, mend=mend, facts=facts)]
    return [_zone(shown, offset, facts)]


def _servers(server: int, facts: dict[str, object]) -> Finding:
    """The PC's clock can be right by what the server said before, and the server's is years ahead of it."""
    day = f"{datetime.fromtimestamp(server / 1_000_000, UTC):%Y-%m-%d}"
    return Finding(
        noun=NOUN,
        word=Word.WRONG,
        said=Text(
            f"服务器的时间是 {day}，明显不对；电脑时间没有问题。", f"The server's time is {day}, which cannot be."
        ),
        mend=Text(
            "不要改电脑时间；请打电话给总行科技校准服务器时间。",
            "Leave the PC's clock; have head office set the server's.",
        ),
        facts=facts,
    )


def _zone(shown: str, offset: int | None, facts: dict[str, object]) -> Finding:
    hours = time.localtime().tm_gmtoff / 3600
    if hours not in (BANK_HOURS, 0):  # a server at head office may well run in UTC
        return Finding(
            noun=NOUN,
            word=Word.HEED,
            said=Text(f"时间正确，但时区是 UTC{hours:+g}。", f"The time is right and the zone is UTC{hours:+g}."),
            mend=Text("把时区改成“(UTC+08:00) 北京”。", "Set the zone to (UTC+08:00) Beijing."),
            facts=facts,
        )
    if offset is None:
        said = Text(
            f"电脑时间是 {shown}；连不上服务器，无法核对。",
            f"The PC's time is {shown}; without the server it cannot be compared.",
        )
        mend = Text("请与手机时间核对一下。", "Compare it with a phone.")
        return Finding(noun=NOUN, word=Word.UNSEEN, said=said, mend=mend, facts=facts)
    seconds = abs(offset) / 1_000_000
    said = Text(f"电脑时间是 {shown}，与服务器相差 {seconds:.1f} 秒。", f"{shown}, {seconds:.1f} s from the server's.")
    return Finding(noun=NOUN, word=Word.WELL, said=said, facts=facts)
