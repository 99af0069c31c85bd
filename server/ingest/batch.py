"""From the bytes of a POST to records: bounded before and after unpacking, and one bad record spoils no other."""

import math
import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from agent.wire import (
    MEDIA_JSON,
    MEDIA_MSGPACK,
    PLAIN_LIMIT,
    RECORDS_LIMIT,
    VERSION,
    Ahead,
    AnyRecord,
    Clock,
    Entry,
    Exchange,
    Follows,
    Hindered,
    Hold,
    State,
)
from server.errors import Invalid, ServerError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RECORD_LIMIT = 64 << 10  # bytes of one record; a state with all its raw bytes has about 6 KiB
PIECE = 64 << 10  # bytes unpacked at a time; asking for PLAIN_LIMIT would claim that much memory for each batch
KEPT = 4 << 10  # bytes kept of a record beyond the limit
WINDOW = 24  # log2 of the bytes a zstd frame may have us set aside: an agent's has 8 MiB, others may ask for 2 GiB
HOLD_POSITIONS = 400  # in one hold
LARGEST = 1 << 60  # of numbers and clocks: leaves room to add in 64 bits
UNPACKED = "The batch is too large when unpacked: {limit} bytes at most."
_STREAM = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UID = re.compile(r"[0-9a-f]{32}")
_BOOT_ID = re.compile(r"[\x21-\x7e]{1,64}")


class TooLarge(ServerError):
    status = 413


class WrongMedia(ServerError):
    status = 415


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """agent.wire.Batch with its records still packed."""

    version: int
    stream: str
    sent: Clock
    records: list[msgspec.Raw]
    follows: Follows | None = None
    exchange: Exchange | None = None
    boots: list[Clock] = []
    waiting: int = 0
    agent_version: str = ""
    ahead: list[msgspec.Raw] = []
    hindered: str = ""


class _Number(msgspec.Struct, frozen=True):
    seq: int


class _Stamp(msgspec.Struct, frozen=True):
    clock: Clock


class _About(msgspec.Struct, frozen=True):
    kind: str = ""
    position: str | None = ""


class Incoming(msgspec.Struct, frozen=True):
    """One record. `record` is None, and `why` says why, if it is refused; `body` is msgpack, or what came.

    `state_of`: whose state is lost with a refused record; "" if that cannot be told, None if it can be no state.
    """

    seq: int
    clock: Clock
    kind: str
    body: bytes
    record: AnyRecord | None
    why: str = ""
    state_of: str | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """One batch of one agent, checked but for what only the database knows."""

    agent_id: int
    stream: str
    sent: Clock
    arrived: int
    records: list[Incoming]  # by number, each number once
    exchange: Exchange | None
    boots: list[Clock]  # earlier boots with records still to be held, in order: each one's last record
    waiting: int
    agent_version: str
    ahead: list[Ahead]
    came: int = 0  # when the request came, before its body was read: on a slow line minutes earlier than `arrived`
    follows: Follows | None = None  # the stream before, where its numbers go on in this one
    token: str | None = None  # the hash of what it came with, where that is still to be looked up
    hindered: str = ""  # a Hindered

    @property
    def waited(self) -> bool:
        """Whether these are records of an agent that is behind: more wait where they come from."""
        return bool(self.records) and self.waiting > 0


def open_batch(
    body: bytes,
    media: str,
    encoding: str,
    agent_id: int,
    arrived: int,
    came: int | None = None,
    token: str | None = None,
) -> Parcel:
    """`came` is `arrived` if nobody says. Raises TooLarge, WrongMedia or Invalid if it cannot be taken as a whole."""
    if media not in (MEDIA_MSGPACK, MEDIA_JSON):
        raise WrongMedia("A batch is {msgpack} or {json}.", msgpack=MEDIA_MSGPACK, json=MEDIA_JSON)
    plain = unpack(body, encoding)
    try:
        envelope = _decoder(media, _Envelope).decode(plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("The batch cannot be read: {why}.", why=_why(error)) from None
    _check(envelope)
    found: dict[int, Incoming] = {}
    for raw in envelope.records:
        incoming = _open_record(bytes(raw), media, envelope.sent)
        found.setdefault(incoming.seq, incoming)
    return Parcel(
        agent_id=agent_id,
        stream=envelope.stream,
        sent=envelope.sent,
        arrived=arrived,
        records=[found[seq] for seq in sorted(found)],
        exchange=envelope.exchange,
        boots=envelope.boots,
        waiting=min(max(envelope.waiting, 0), (1 << 31) - 1),
        agent_version=re.sub(r"[^\x20-\x7e]", "", envelope.agent_version)[:40],
        ahead=[ahead for raw in envelope.ahead if (ahead := _open_ahead(bytes(raw), media)) is not None],
        came=arrived if came is None else min(came, arrived),
        follows=envelope.follows,
        token=token,
        hindered=_hindered(envelope.hindered),
    )


def _hindered(said: str) -> str:
    """What a newer agent may be hindered by is a hindrance too."""
    return said if said in ("", *Hindered) else Hindered.UNWRITABLE


def unpack(body: bytes, encoding: str) -> bytes:
    """`body` without its Content-Encoding, PLAIN_LIMIT bytes at most: a small bomb stays small."""
    if encoding in ("", "identity"):
        return body
    if encoding != "zstd":
        raise WrongMedia("A batch may be packed with zstd, and not with {encoding}.", encoding=encoding[:40])
    unpacker = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW})
    pieces: list[bytes] = []
    size = 0
    packed = body
    try:
        if (zstd.get_frame_info(body).decompressed_size or 0) > PLAIN_LIMIT:
            raise TooLarge(UNPACKED, limit=PLAIN_LIMIT)
        while not unpacker.eof and (packed or not unpacker.needs_input):
            piece = unpacker.decompress(packed, max_length=PIECE)
            packed = b""
            pieces.append(piece)
            size += len(piece)
            if size > PLAIN_LIMIT:
                raise TooLarge(UNPACKED, limit=PLAIN_LIMIT)
    except zstd.ZstdError:
        raise Invalid("The batch says it is zstd and is not.") from None
    if not unpacker.eof or unpacker.unused_data:
        raise Invalid("The batch is not one whole zstd frame.")
    return b"".join(pieces)


def _check(envelope: _Envelope) -> None:
    if envelope.version != VERSION:
        raise Invalid(
            "The batch is of version {theirs}; this server takes {ours}.", theirs=envelope.version, ours=VERSION
        )
    if not _STREAM.fullmatch(envelope.stream):
        raise Invalid("A stream's name is 1 to 64 letters, digits, '-' and '_'.")
    if envelope.follows is not None and not 1 <= envelope.follows.first <= LARGEST:
        raise Invalid("The batch cannot be read: {why}.", why="the first number of its stream is out of range")
    if max(len(envelope.records), len(envelope.ahead)) > RECORDS_LIMIT:
        raise TooLarge("A batch has {limit} records at most.", limit=RECORDS_LIMIT)
    if len(envelope.boots) > RECORDS_LIMIT:
        raise TooLarge("A batch speaks of {limit} boots at most.", limit=RECORDS_LIMIT)
    if why := next(filter(None, map(_wrong_clock, (envelope.sent, *envelope.boots))), ""):
        raise Invalid("The batch cannot be read: {why}.", why=why)
    exchange = envelope.exchange
    stamps = (exchange.sent, exchange.received, exchange.server, exchange.came) if exchange else ()
    if not all(0 <= stamp <= LARGEST for stamp in stamps):
        raise Invalid("The batch cannot be read: {why}.", why="the exchange is out of range")


def _open_record(raw: bytes, media: str, sent: Clock) -> Incoming:
    """A record that can be taken, or one to be refused; Invalid if not even its number can be read."""
    try:
        record = None if len(raw) > RECORD_LIMIT else _decoder(media, AnyRecord).decode(raw)
        why = f"longer than {RECORD_LIMIT} bytes"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        record, why = None, _why(error)
    seq = _seq(raw, media) if record is None else record.seq
    if not 1 <= seq <= LARGEST:
        raise Invalid("A record of the batch has the number {seq}, which is out of range.", seq=seq)
    if len(raw) > RECORD_LIMIT:
        return Incoming(seq, sent, "refused", raw[:KEPT], None, why, _state_of(raw, media))
    if record is None or (why := _wrong_clock(record.clock) or _wrong(record)):
        return Incoming(seq, _clock(raw, media, sent), "refused", raw, None, why, _state_of(raw, media))
    try:
        body = raw if media == MEDIA_MSGPACK else msgspec.msgpack.encode(record)
    except OverflowError:  # JSON's numbers may have any length
        return Incoming(seq, record.clock, "refused", raw, None, "a number is out of range", _state_of(raw, media))
    return Incoming(seq, record.clock, str(record.__struct_config__.tag), body, record)


def _seq(raw: bytes, media: str) -> int:
    """The number of a record that cannot be read; Invalid if even that cannot."""
    try:
        return int(_decoder(media, _Number).decode(raw).seq)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("A record of the batch has no number: {why}.", why=_why(error)) from None


def _open_ahead(raw: bytes, media: str) -> Ahead | None:
    """None if it is nothing to show: its record comes in its turn and is judged then."""
    if len(raw) > RECORD_LIMIT:
        return None
    try:
        ahead: Ahead = _decoder(media, Ahead).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    state = ahead.state
    sound = not (_wrong_clock(state.clock) or _wrong(state)) and state.clock.boot <= ahead.held <= LARGEST
    return ahead if sound and 0 <= state.seq <= LARGEST else None


def _wrong(record: AnyRecord) -> str:
    if isinstance(record, Hold) and not 0 <= record.since <= record.clock.boot:
        return "the hold begins after it ends"
    if isinstance(record, Hold) and len(record.held) > HOLD_POSITIONS:
        return f"the hold is of more than {HOLD_POSITIONS} positions"
    if isinstance(record, Hold) and any(
        not 0 <= n <= 1 << 30 for held in record.held.values() for n in (held.good, held.failed)
    ):
        return "the hold counts out of range"
    if isinstance(record, Entry):
        return _wrong_entry(record)
    if isinstance(record, State):
        if not all(map(math.isfinite, record.reading.numbers.values())):
            return "a number of the reading is not finite"
        if record.reading.as_of is not None and not 0 <= record.reading.as_of <= LARGEST:
            return "the date of the data is out of range"
    return ""


def _wrong_entry(entry: Entry) -> str:
    if not _UID.fullmatch(entry.uid):
        return "an entry's uid is 32 hexadecimal digits"
    if len(entry.who) > 40 or len(entry.title) > 200 or len(entry.text) > 2000:
        return "a text of the entry is too long"
    if not entry.who.strip():
        return "the entry says nobody's name"
    if "\0" in entry.who + entry.title + entry.text:
        return "a text of the entry has a NUL"
    if not (entry.answer if entry.what == "answer" else (entry.title + entry.text).strip()):
        return "the entry says nothing"
    return _wrong_clock(entry.entered) if entry.entered else ""


def _wrong_clock(clock: Clock) -> str:
    if not (-LARGEST <= clock.wall <= LARGEST and 0 <= clock.boot <= LARGEST):
        return "a clock is out of range"
    return "" if _BOOT_ID.fullmatch(clock.boot_id) else "a boot's name is 1 to 64 printable characters"


def _clock(raw: bytes, media: str, sent: Clock) -> Clock:
    """The clock of a record that is refused, if it has one; else when its batch was sent."""
    try:
        clock = _decoder(media, _Stamp).decode(raw).clock
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return sent
    return sent if _wrong_clock(clock) else clock


def _state_of(raw: bytes, media: str) -> str | None:
    try:
        about: _About = _decoder(media, _About).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return about.position or "" if about.kind in ("state", "") else None


def _why(error: Exception) -> str:
    return str(error)[:200].rstrip(".") or type(error).__name__


@cache
def _decoder(media: str, kind: Any) -> Any:
    if media == MEDIA_MSGPACK:
        return msgspec.msgpack.Decoder(kind)
    return msgspec.json.Decoder(kind)
