"""Batches as no agent of ours sends them: recorded ones, changed in their structure, their bytes and their packing.

The same seed gives the same inputs. Nothing here knows what the server does with them.
"""

import copy
import random
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RECORDED = Path(__file__).parent.parent / "server" / "ingest" / "recorded"
CORPUS = Path(__file__).parent / "corpus"
MSGPACK, JSON = "application/msgpack", "application/json"
NUMBERS = [0, 1, -1, 2, 127, 128, 255, 256, 2000, 1 << 30, 1 << 31, 1 << 32, (1 << 53) + 1, 1 << 60, (1 << 60) + 1]
NUMBERS += [(1 << 63) - 1, -(1 << 63), (1 << 64) - 1, 946_684_800_000_000, 4_070_908_800_000_000]
FLOATS = [0.0, -0.0, 1.5, float("nan"), float("inf"), float("-inf"), 1e308, 5e-324]
TEXTS = ["", "\0", "a" * 65, "1001/atm-1", "1001/line/main", "存折", "🏧", "../../etc"]
TEXTS += ["state", "hold", "gap", "online", "unknown", "' OR 1=1 --", "\x1b[2J", "\u202e", "{why}", "%s", "1" * 400]
ODD: list[Any] = [None, True, False, [], {}, b"", b"\xff\xfe", [[]], {"": None}, {"from": 1, "to": 7}]
ODD += [{"from": 1, "to": 1 << 59}]
NAMES = ["seq", "clock", "kind", "since", "held", "from", "to", "count", "position", "reading", "failure", "extra", ""]
PIECES = [
    b"",
    b"\0",
    b"\xc1",
    b"\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdb\x7f\xff\xff\xff",
    b"[[[[",
]
PIECES += [b'{"a":', b"1e999", b"-", b"\x91" * 2000, b"\\ud800", b"\xd6\xff\0\0\0\0", b"\x28\xb5\x2f\xfd"]


@dataclass(frozen=True)
class Input:
    """One POST. `untouched` are the numbers of records nobody changed, in a stream of their own; None if unknown."""

    body: bytes
    media: str
    encoding: str
    untouched: frozenset[int] | None = None


def recorded() -> list[dict[str, Any]]:
    """Every recorded batch of every version, as plain values."""
    return [msgspec.msgpack.decode(path.read_bytes()) for path in sorted(RECORDED.glob("v*/*.msgpack"))]


def corpus() -> list[Input]:
    """What was kept: the smallest input of every outcome there was."""
    return [_read(path) for path in sorted(CORPUS.iterdir())]


def name_of(one: Input) -> str:
    """The end of a kept input's file name."""
    media = {MSGPACK: ".msgpack", JSON: ".json"}.get(one.media, ".other")
    return media + {"": "", "zstd": ".zst"}.get(one.encoding, ".packed")


def _read(path: Path) -> Input:
    media = MSGPACK if ".msgpack" in path.suffixes else JSON if ".json" in path.suffixes else "text/plain"
    encoding = "zstd" if path.suffix == ".zst" else "gzip" if path.suffix == ".packed" else ""
    return Input(path.read_bytes(), media, encoding)


def inputs(seed: int) -> Iterator[Input]:
    """Without end."""
    chance = random.Random(seed)
    bases = [msgspec.msgpack.encode(batch) for batch in recorded()]
    often = [base for base in bases if len(base) < 2000]
    number = 0
    while True:
        number += 1
        base = chance.choice(often if chance.random() < 0.95 else bases)
        yield _one(chance, msgspec.msgpack.decode(base), f"f{seed}-{number}")


def _one(chance: random.Random, batch: dict[str, Any], stream: str) -> Input:
    batch["stream"] = stream if chance.random() < 0.9 else f"shared-{chance.randrange(4)}"
    how = chance.random()
    untouched: frozenset[int] | None = None
    if how < 0.45 and batch["records"]:  # one record: its neighbours must not notice
        at = chance.randrange(len(batch["records"]))
        others = frozenset(record["seq"] for index, record in enumerate(batch["records"]) if index != at)
        holder = {"it": batch["records"][at]}
        for _ in range(chance.choice((1, 1, 2, 4))):
            _change(chance, holder)
        batch["records"][at] = record = holder.get("it")
        own = record.get("seq") if isinstance(record, dict) else None
        untouched = others if batch["stream"] == stream and own not in list(others) else None
    elif how < 0.75:  # anything in the batch
        for _ in range(chance.choice((1, 2, 3, 8))):
            _change(chance, batch)
    media = MSGPACK if chance.random() < 0.6 else JSON
    try:
        body = msgspec.msgpack.encode(batch) if media == MSGPACK else msgspec.json.encode(batch)
    except (ValueError, OverflowError, TypeError, RecursionError, msgspec.MsgspecError):
        return Input(b"\x80", media, "")  # it cannot even be written
    if how >= 0.75 or chance.random() < 0.05:
        body, untouched = _spoil(chance, body), None
    return _pack(chance, body, media, untouched)


# -- structure --------------------------------------------------------------------------------------


def _change(chance: random.Random, tree: Any) -> None:
    """Change one place of a tree of dicts and lists, anywhere in it."""
    holder = chance.choice(_holders(tree))
    if isinstance(holder, dict):
        key = chance.choice([*holder, chance.choice(NAMES)])
        match chance.randrange(6):
            case 0:
                holder.pop(key, None)
            case 1:
                holder[chance.choice(NAMES + TEXTS)] = holder.get(key)
            case _:
                holder[key] = _value(chance, holder.get(key))
    elif holder:
        at = chance.randrange(len(holder))
        match chance.randrange(6):
            case 0:
                del holder[at]
            case 1:
                holder.insert(at, holder[chance.randrange(len(holder))])
            case _:
                holder[at] = _value(chance, holder[at])
    else:
        holder.append(_value(chance, None))


def _holders(tree: Any, limit: int = 400) -> list[Any]:
    found: list[Any] = []
    waiting = [tree]
    while waiting and len(found) < limit:
        one = waiting.pop()
        found.append(one)
        waiting += [
            inner for inner in (one.values() if isinstance(one, dict) else one) if isinstance(inner, dict | list)
        ]
    return found


def _value(chance: random.Random, before: Any) -> Any:
    if chance.random() < 0.01:
        return chance.choice(("x" * 70_000, {f"k{n}": [1, 0] for n in range(9000)}, chance.randbytes(70_000)))
    match chance.randrange(12):
        case 0 | 1:
            return chance.choice(NUMBERS)
        case 2:
            return chance.choice(FLOATS)
        case 3 | 4:
            return chance.choice(TEXTS)
        case 5:
            return copy.deepcopy(chance.choice(ODD))  # a later change may be made within it
        case 6:
            return chance.randbytes(chance.choice((0, 1, 64)))
        case 7:
            return _nested(chance)
        case 8:
            return {f"k{n}": chance.choice(([1, 0], n, "ok")) for n in range(chance.choice((1, 2, 41)))}
        case 9 if isinstance(before, int):
            return before + chance.choice((-1, 1, 1 << 40))
        case 10 if isinstance(before, str):
            return chance.choice((before[:-1], before * 2, before + "\0", before.upper()))
        case 11:
            return msgspec.msgpack.Ext(chance.randrange(-128, 128), chance.randbytes(4))
    return [before] * (1 if isinstance(before, dict | list) else chance.choice((1, 2, 50)))


def _nested(chance: random.Random) -> Any:
    value: Any = chance.choice((1, "end", None))
    for _ in range(chance.choice((2, 40, 400))):
        value = [value] if chance.random() < 0.5 else {"k": value}
    return value


# -- bytes and packing ------------------------------------------------------------------------------


def _spoil(chance: random.Random, body: bytes) -> bytes:
    made = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(6):
            case 0 if at < len(made):
                made[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(made):
                made[at] = chance.randrange(256)
            case 2:
                made[at:at] = chance.choice(PIECES)
            case 3:
                del made[at : at + chance.choice((1, 2, 8, 100))]
            case 4:
                made[at:at] = made[at : at + chance.choice((1, 8, 300))]
            case _:
                del made[at if chance.random() < 0.1 else len(made) :]
    return bytes(made)


def _pack(chance: random.Random, body: bytes, media: str, untouched: frozenset[int] | None) -> Input:
    how = chance.random()
    if how < 0.6:
        return Input(body, media, "", untouched)
    packed = zstd.compress(body, level=chance.choice((1, 3, 9)))
    if how < 0.85:
        return Input(packed, media, "zstd", untouched)
    match chance.randrange(8):
        case 0:
            return Input(_spoil(chance, packed), media, "zstd")
        case 1:
            return Input(packed + packed, media, "zstd")
        case 2:
            return Input(zstd.compress(packed), media, "zstd")
        case 3:
            return Input(zstd.compress(bytes(chance.choice((1 << 10, 1 << 16, (8 << 20) + 1)))), media, "zstd")
        case 4:  # a frame that asks for a window of 128 MiB and more
            head = struct.pack("<IBB", 0xFD2FB528, 0, chance.randrange(120, 256))
            return Input(head + packed[6:], media, "zstd")
        case 5:
            return Input(packed, media, chance.choice(("gzip", "br", "zstd, zstd", "ZSTD")))
        case 6:
            return Input(body, media, "zstd")
        case _:
            return Input(packed, chance.choice(("text/plain", "", "application/json")), "zstd")
