"""A poll for the eyes of the person at the device, in Chinese or English, and for a program."""

from collections.abc import Iterator
from typing import Any, Literal

from agent.cells import cells
from agent.doctor.mends import known, mend_of
from agent.exit import Exit
from agent.poll import Seen
from agent.wire import Catalogue, Failure, Polled

Lang = Literal["zh", "en"]

_HEADINGS = {
    "device": ("状态", "Device"),
    "failure": ("原因", "Why"),
    "mend": ("处理", "Do"),
    "parts": ("部件", "Parts"),
    "numbers": ("数值", "Numbers"),
    "texts": ("显示", "Says"),
    "identity": ("标识", "Identity"),
    "as_of": ("数据日期", "Data of"),
    "raw": ("原始应答", "Raw"),
}
_KINDS = {
    "unreachable": ("设备没有应答", "the device does not answer"),
    "busy": ("端口被其他程序占用", "another program holds the port"),
    "refused": ("设备拒绝应答", "the device refuses to answer"),
    "garbled": ("应答不符合协议", "the answer is not of the protocol"),
    "notSupported": ("驱动或配置不适用", "the driver or its settings do not fit"),
    "failed": ("驱动程序出错", "the driver has a defect"),
}
_CODES = {
    "unreachable": Exit.UNREACHABLE,
    "busy": Exit.BUSY,
    "refused": Exit.REFUSED,
    "garbled": Exit.UNREADABLE,
    "notSupported": Exit.UNREADABLE,
}
_BAD_SETTINGS = {"noDriver", "badOptions", "notInstalled"}


def code_of(seen: Seen) -> Exit:
    """The exit code that tells a script how the poll went. A reading is a success, whatever it says."""
    if seen.failure is None:
        return Exit.DONE
    if seen.failure.reason in _BAD_SETTINGS:
        return Exit.BAD_INPUT
    return _CODES.get(seen.failure.kind, Exit.DEFECT)


def lines(polled: Polled, seen: Seen, catalogue: Catalogue, lang: Lang) -> Iterator[str]:
    """The reading, a line a fact: heading, what it is about, what it is."""
    pick = 0 if lang == "zh" else 1
    reading = seen.reading
    yield f"{polled.position}  {polled.name}  ({polled.driver} {polled.address})"
    word = catalogue.device[reading.device]
    yield _line("device", pick, (word.zh, word.en)[pick])
    if seen.failure is not None:
        mend = mend_of(seen.failure.reason)
        kind = _KINDS.get(seen.failure.kind, _KINDS["failed"])[pick]
        why = mend.what[pick] if seen.failure.reason in known() else kind
        detail = seen.failure.detail  # drivers speak English alone: in Chinese it is quoted
        yield _line("failure", pick, (f"{why}（驱动报告：{detail}）", f"{why}: {detail}")[pick])
        yield _line("mend", pick, mend.step[pick])
    rows: dict[str, list[tuple[str, str]]] = {
        "parts": [_part(catalogue, key, word, pick) for key, word in reading.parts.items()],
        "numbers": [_number(catalogue, key, value, pick) for key, value in reading.numbers.items()],
        "texts": [(_label(catalogue, key, pick), value) for key, value in reading.texts.items()],
        "identity": [(_label(catalogue, key, pick), value) for key, value in reading.identity.items()],
        "raw": [(question, _shown(answer)) for question, answer in _raw(seen).items()],
    }
    for heading, found in rows.items():
        width = max((cells(label) for label, _ in found), default=0)
        for index, (label, value) in enumerate(found):
            about = label + " " * (width - cells(label))
            yield _line(heading if index == 0 else "", pick, f"{about}  {value}")


def as_json(polled: Polled, seen: Seen, took_ms: int) -> dict[str, Any]:
    """The same for a program; raw bytes in hex."""
    reading = seen.reading
    return {
        "position": polled.position,
        "name": polled.name,
        "driver": polled.driver,
        "address": polled.address,
        "took_ms": took_ms,
        "device": str(reading.device),
        "parts": reading.parts,
        "numbers": reading.numbers,
        "texts": reading.texts,
        "identity": reading.identity,
        "as_of": reading.as_of,
        "raw": {question: answer.hex() for question, answer in reading.raw.items()},
        "failure": seen.failure and _failure(seen.failure),
    }


def _failure(failure: Failure) -> dict[str, str]:
    return {"kind": failure.kind, "reason": failure.reason, "detail": failure.detail, "raw": failure.raw.hex()}


def _raw(seen: Seen) -> dict[str, bytes]:
    failed = seen.failure.raw if seen.failure else b""
    return seen.reading.raw | ({"?": failed} if failed else {})


def _line(heading: str, pick: int, text: str) -> str:
    title = _HEADINGS[heading][pick] if heading else ""
    return f"  {title}{' ' * (10 - cells(title))}{text}"


def _part(catalogue: Catalogue, key: str, word: str, pick: int) -> tuple[str, str]:
    part = catalogue.find_part(key)
    known = part.words.get(word) if part else None
    return _label(catalogue, key, pick), (known.zh, known.en)[pick] if known else word


def _number(catalogue: Catalogue, key: str, value: float, pick: int) -> tuple[str, str]:
    number = catalogue.find_number(key)
    return _label(catalogue, key, pick), f"{value:.10g} {number.unit if number else ''}".rstrip()


def _label(catalogue: Catalogue, key: str, pick: int) -> str:
    found = catalogue.find_title(key)
    if found is None:
        return key
    title, instance = found
    return f"{(title.zh, title.en)[pick]} {instance}".rstrip()


def _shown(answer: bytes) -> str:
    cut = answer[:64]
    dots = f" … ({len(answer)})" if len(answer) > len(cut) else ""
    return cut.hex(" ") + dots
