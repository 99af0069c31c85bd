"""Record batches of the present wire version: `python tests/server/ingest/recorded/make.py`.

Whatever an agent may say is said once, by the encoder agents use, and written into the folder of the wire's version.
What is recorded is never written again: there are agents that send it, and that will not change any more.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from agent.wire import (
    VERSION,
    AnyRecord,
    Batch,
    Clock,
    DeviceWord,
    Event,
    EventName,
    Exchange,
    Fact,
    Failure,
    Follows,
    Held,
    Hold,
    Reading,
    Result,
    State,
    encode,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HERE = Path(__file__).parent
NOON = 1_793_764_800_000_000  # 2026-11-04 04:00:00 UTC, when the tests' clock stands still
SECOND = 1_000_000
UP = 3600 * SECOND
ATM = "1001/atm-1"
PRINTER = "1001/printer-1"
HARD = "[/x] =cmd|' /C calc'!A0 \x00\x1b[2J \"quoted\" \\ 存折打印机缺纸 🏧 \u202e\ufeff e\u0301"


def clock(second: float, boot_id: str = "5f0c2a6e-boot") -> Clock:
    """So many seconds after noon, on a machine that was booted an hour before."""
    return Clock(wall=NOON + round(second * SECOND), boot=UP + round(second * SECOND), boot_id=boot_id)


def state(seq: int, position: str, device: str, failure: Failure | None = None, **more: Any) -> State:
    reading = msgspec.convert({"device": device, **more}, Reading)
    return State(seq=seq, clock=clock(seq - 60), position=position, reading=reading, failure=failure)


def event(seq: int, name: EventName, position: str | None = None, **detail: str | int) -> Event:
    renamed = {key.removesuffix("_"): value for key, value in detail.items()}
    return Event(seq=seq, clock=clock(seq - 60), name=name, position=position, detail=renamed)


def hold(seq: int, seconds: float, held: dict[str, Held]) -> Hold:
    at = clock(seq - 60)
    return Hold(seq=seq, clock=at, since=at.boot - round(seconds * SECOND), held=held)


def failures() -> list[AnyRecord]:
    """A failed poll of every kind of device error."""
    said = [
        ("unreachable", "noAnswer", "Nothing came back within 3 s.", "offline", b""),
        ("busy", "portInUse", "COM3 is held by teller.exe.", "inUse", b""),
        ("refused", "wrongSecret", "The SNMPv3 password is wrong.", "unknown", b""),
        ("garbled", "badChecksum", "The checksum is wrong.", "unknown", bytes(range(256))),
        ("notSupported", "notInDevice", "The device has no such question.", "unknown", b"\x15"),
        ("failed", "driverFailed", "The driver failed: KeyError.", "unknown", b""),
    ]
    return [
        state(seq, ATM, device, Failure(kind=kind, reason=reason, detail=detail, raw=raw))
        for seq, (kind, reason, detail, device, raw) in enumerate(said, 1)
    ]


def batches() -> dict[str, list[AnyRecord]]:
    """The records of each batch, by its name."""
    four_hundred = {PRINTER: Held(2, 1), ATM: Held(1, 0)} | {f"1001/pos-{n:03}": Held(n % 7, n % 2) for n in range(398)}
    every_word: list[AnyRecord] = [state(seq, ATM, word.value) for seq, word in enumerate(DeviceWord, 1)]
    whole: dict[str, Any] = {
        "parts": {"paper": "low", "cassette.1": "empty", "cassette.2": "ok"},
        "numbers": {"battery.charge": 97.0, "load": 12.5, "temperature": -3.25, "counter": 4_294_967_296.0},
        "texts": {"console": "请取走存折"},
        "identity": {"maker": "青禾机具", "model": "PR-9", "serial": "SN0042"},
        "raw": {"1B 6A": b"\x10\x02\x00\x1b\x03", "ESC @": b""},
        "as_of": NOON - 86_400 * SECOND,
    }
    return {
        "empty": [],
        "every-kind": [
            event(1, EventName.START, version="0.1.0", host="BRANCH-PC-1", python="3.11.9"),
            state(2, ATM, "online", **whole),
            state(3, PRINTER, "offline", Failure("unreachable", "noAnswer", "Nothing came back.")),
            hold(4, 2, {ATM: Held(1, 0), PRINTER: Held(0, 1)}),
            event(5, EventName.MEDIA, ATM, slot="usb-1"),
            Result(seq=6, clock=clock(-54), order="0192f-order", done=True, detail={"lines": 3, "said": "完成"}),
            Fact(seq=7, clock=clock(-53), host="BRANCH-PC-1", facts={"os": "10.0.19045", "n": 4, "av": ["a", "b"]}),
            state(8, ATM, "hardwareError", parts={"paper": "jammed"}),
            event(9, EventName.GOODBYE, reason="the PC is switched off"),
        ],
        "failures": failures(),
        "every-device-word": every_word,
        "hold-of-400": [state(1, ATM, "online"), state(2, PRINTER, "online"), hold(3, 60, four_hundred)],
        "thinning": [
            state(1, ATM, "online"),
            event(20, EventName.THINNING, from_=2, to=19, count=18, reason="the spool is full"),
            hold(21, 19, {ATM: Held(4, 0)}),
        ],
        "gap": [
            event(8, EventName.GAP, from_=1, to=7, count=7, reason="the disk was full"),
            state(9, ATM, "online"),
        ],
        "new-stream": [event(1, EventName.NEW_STREAM, reason="the spool was damaged", was="f00d-stream")],
        "goes-on": [
            state(5, ATM, "online"),
            hold(6, 1, {ATM: Held(1, 0)}),
            event(
                7, EventName.NEW_STREAM, reason="a copy spoke", why="copy", was="f00d-stream", from_=1, to=4, count=4
            ),
        ],
        "unicode": [
            state(1, ATM, "online", texts={"console": HARD, "名": "值"}, identity={"location": HARD}),
            event(2, EventName.START, host="网点电脑", version=HARD),
            Fact(seq=3, clock=clock(-57), host="网点电脑", facts={"软件": ["综合业务系统", HARD]}),
            state(4, "1001/没有这个点位", "online"),
        ],
        "facts": [
            Fact(seq=1, clock=clock(-59), host="BRANCH-PC-1", facts={"reboot.pending": True, "cpu.count": 1}),
            Fact(seq=2, clock=clock(-58), host="BRANCH-PC-1", topic="antivirus", facts={"av.count": 0}),
            Fact(
                seq=3,
                clock=clock(-57),
                host="BRANCH-PC-1",
                topic="network",
                facts={"ports.tcp": ["22", "445"], "shares": [], "smb1.server": False},
                unread={"firewall.": "rights"},
            ),
        ],
        "two-boots": [
            State(seq=1, clock=Clock(946_684_800_000_000, 5 * SECOND, "cold-boot"), position=ATM, reading=ONLINE),
            State(seq=2, clock=clock(-30), position=ATM, reading=Reading(device=DeviceWord.OFFLINE)),
        ],
    }


ONLINE = Reading(device=DeviceWord.ONLINE)


def batch(name: str, records: list[AnyRecord]) -> Batch:
    sent = clock(0)
    exchange = None
    if name != "empty":  # an agent that was never answered has none
        exchange = Exchange(boot_id=sent.boot_id, sent=sent.boot - 2000, received=sent.boot, server=NOON - 1000)
    waiting = 0 if name == "empty" else 17
    return Batch(
        version=VERSION,
        stream=f"recorded-{name}",
        follows=Follows("f00d-stream", 5) if name == "goes-on" else None,
        sent=sent,
        records=records,
        exchange=exchange,
        waiting=waiting,
        agent_version="0.1.0",
    )


def main() -> None:
    folder = HERE / f"v{VERSION}"
    folder.mkdir(exist_ok=True)
    for name, records in batches().items():
        if (folder / f"{name}.msgpack").exists():
            continue
        said = batch(name, records)
        for ending, body in (("msgpack", encode(said)), ("json", msgspec.json.encode(said))):
            (folder / f"{name}.{ending}").write_bytes(body)
            (folder / f"{name}.{ending}.zst").write_bytes(zstd.compress(body))


if __name__ == "__main__":
    main()
