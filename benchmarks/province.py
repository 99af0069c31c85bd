"""A bank of a province's size: its inventory as files, what its agents tell, and a year of what is over.

A branch has 60 positions: 6 hang on its own PC, whose agent polls them, and 54 have an address, which a centre agent
polls with those of other branches, 100 to an agent. A line each, probed from the centre. Intervals are the shipped
ones: 5 minutes a position, 1 minute a line.
"""

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import msgspec
from sqlalchemy import func, insert
from sqlmodel import col, select

from agent.spool.room import HOLD_POSITIONS
from agent.wire import VERSION, Ack, AnyRecord, Batch, Clock, DeviceWord, Exchange, Held, Hold, Reading, State
from server.accounts.tokens import AGENT, hash_token, new_token
from server.agents.tables import AgentKey, AgentToken, KeyStanding
from server.health.tables import Condition, Severity
from server.inventory.tables import Subject, SubjectKind
from server.schemas.tickets import Fault, TicketStatus
from server.storage.database import Database
from server.storage.types import FOREVER, new_uid
from server.tickets.tables import Ticket, TicketCondition, TicketSource

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

A_BRANCH = 60  # positions
AT_ITS_PC = 6
AT_A_CENTRE = 100  # positions of a centre agent
INTERVAL = 5  # minutes between polls of a position
MINUTE = 60_000_000
BOOTED = 30 * 1440 * MINUTE  # µs ago: no history of an agent may begin before its boot
CLASSES = ("atm", "passbook", "pc", "pos")
NAMES = {"atm": "取款机", "passbook": "存折打印机", "pc": "柜面电脑", "pos": "POS"}
PARTS = {"paper": "ok", "cover": "closed"}
DAYS = 365

HEAD = """\
[bank]
name = "基准省农信"
{classes}
[[branch]]
key = "head"
name = "总行"
kind = "head-office"
"""
CLASS = """
[[class]]
key = "{key}"
name = "{name}"
"""
CENTRE = """
[[agent]]
key = "{key}"
name = "{key}"
branch = "head"
"""
BRANCH = """\
[[branch]]
key = "{code}"
name = "第{code}支行"
kind = "branch"
parent = "head"

[[agent]]
key = "pc-{code}"
name = "{code}网点电脑"
branch = "{code}"

[[line]]
branch = "{code}"
key = "main"
name = "主线路"
role = "main"
probe = "10.0.0.1"
agent = "{centre}"
"""
POSITION = """
[[position]]
branch = "{code}"
key = "{slug}"
name = "{name}"
class = "{cls}"
agent = "{agent}"
driver = "reach"
address = "10.0.0.1"

[[device]]
asset = "ZC{asset:08}"
name = "{name}"
class = "{cls}"
branch = "{code}"
position = "{slug}"
model = "M-{cls}"
serial = "SN{asset:08}"
keeper = "王某"
bought = "2024-03-01"
price = "15800.00"
"""


def branches(positions: int) -> int:
    return positions // A_BRANCH


def code_of(branch: int) -> str:
    return f"{10_000 + branch}"


def centre_of(branch: int, slot: int = AT_ITS_PC) -> str:
    """Who polls it from the centre."""
    return f"centre-{(branch * (A_BRANCH - AT_ITS_PC) + slot - AT_ITS_PC) // AT_A_CENTRE:05}"


def write_inventory(folder: Path, positions: int) -> None:
    """A file a branch."""
    folder.mkdir()
    classes = "".join(CLASS.format(key=key, name=NAMES[key]) for key in CLASSES)
    centres = sorted({centre_of(branch, slot) for branch, slot in _places(positions) if slot >= AT_ITS_PC})
    made = HEAD.format(classes=classes) + "".join(CENTRE.format(key=key) for key in centres)
    (folder / "bank.toml").write_text(made, encoding="utf-8")
    for branch in range(branches(positions)):
        code = code_of(branch)
        said = [BRANCH.format(code=code, centre=centre_of(branch))]
        for slot in range(A_BRANCH):
            agent = f"pc-{code}" if slot < AT_ITS_PC else centre_of(branch, slot)
            cls = CLASSES[slot % len(CLASSES)]
            what = {"slug": _slug(slot), "name": f"{slot + 1}号{NAMES[cls]}", "cls": cls, "agent": agent}
            said.append(POSITION.format(code=code, asset=branch * A_BRANCH + slot, **what))
        (folder / f"{code}.toml").write_text("".join(said), encoding="utf-8")


def _places(positions: int) -> Iterator[tuple[int, int]]:
    return ((branch, slot) for branch in range(branches(positions)) for slot in range(A_BRANCH))


def _slug(slot: int) -> str:
    return f"d-{slot:02}"


def polled_by(positions: int) -> dict[str, list[str]]:
    """What each agent polls: lines first."""
    found: dict[str, list[str]] = {}
    for branch in range(branches(positions)):
        found.setdefault(centre_of(branch), []).append(f"{code_of(branch)}/line/main")
    for branch, slot in _places(positions):
        code = code_of(branch)
        agent = f"pc-{code}" if slot < AT_ITS_PC else centre_of(branch, slot)
        found.setdefault(agent, []).append(f"{code}/{_slug(slot)}")
    return found


class Teller(msgspec.Struct):
    """What one agent tells. `minute` is how many minutes it told of before."""

    key: str
    polled: list[str]
    stream: str
    boot_id: str
    seq: int = 0
    minutes: int = 0
    exchange: Exchange | None = None
    changed: dict[str, int] = {}  # how often each did

    def first(self) -> bytes:
        """Every position and line, for the first time."""
        return self._packed([self._state(key, _boot()) for key in self.polled])

    def all_same(self) -> bytes:
        """Everything stands as it did a minute ago: what a bank says that was asleep."""
        now = _boot()
        return self._packed(self._holds(self.polled, now))

    def minute(self, chance: random.Random, share: float) -> tuple[bytes, int, int]:
        """One minute: a fifth of the positions was polled, and every line; of all positions `share` changed.

        Gives the batch, how many are held by it, and how many changed.
        """
        self.minutes += 1
        now = _boot()
        turn = [key for n, key in enumerate(self.polled) if _line(key) or (n + self.minutes) % INTERVAL == 0]
        news = [key for key in turn if not _line(key) and chance.random() < share * INTERVAL]
        records: list[AnyRecord] = []
        for key in news:
            self.changed[key] = self.changed.get(key, 0) + 1
            records += [self._hold([key], now - MINUTE // 2), self._state(key, now - MINUTE // 2)]
        same = [key for key in turn if key not in news]
        records += self._holds(same, now)
        return self._packed(records), len(turn), len(news)

    def heard(self, ack: Ack, sent: int) -> None:
        self.exchange = Exchange(boot_id=self.boot_id, sent=sent, received=_boot(), server=ack.server, came=ack.came)

    @staticmethod
    def boot() -> int:
        return _boot()

    def _holds(self, keys: list[str], now: int) -> list[AnyRecord]:
        parts = [keys[at : at + HOLD_POSITIONS] for at in range(0, len(keys), HOLD_POSITIONS)] or [[]]
        return [self._hold(part, now) for part in parts]

    def _hold(self, keys: list[str], now: int) -> Hold:
        self.seq += 1
        return Hold(
            seq=self.seq, clock=_clock(now, self.boot_id), since=now - MINUTE, held={k: Held(1, 0) for k in keys}
        )

    def _state(self, key: str, at: int) -> State:
        """Mostly a number that moved; of twenty changes one takes the paper or brings it, one the device."""
        self.seq += 1
        turns = self.changed.get(key, 0)
        kind = crc32(key.encode()) % 20
        word = DeviceWord.OFFLINE if kind == 1 and turns % 2 else DeviceWord.ONLINE
        parts = {} if _line(key) else PARTS | {"paper": "low" if kind == 2 and turns % 2 else "ok"}
        numbers = (
            {"latency": 2.0}
            if _line(key)
            else {"pages": 1000.0 + 20 * turns, "load": 20.0 + turns % 50, "disk.used": 40.0}
        )
        reading = Reading(device=word, parts=parts, numbers=numbers)
        return State(seq=self.seq, clock=_clock(at, self.boot_id), position=key, reading=reading)

    def _packed(self, records: list[AnyRecord]) -> bytes:
        batch = Batch(
            version=VERSION,
            stream=self.stream,
            sent=_clock(_boot(), self.boot_id),
            records=records,
            exchange=self.exchange,
            agent_version="growth",
        )
        return zstd.compress(msgspec.msgpack.encode(batch))


def _line(key: str) -> bool:
    return "/line/" in key


def _boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + BOOTED


def _clock(boot: int, boot_id: str) -> Clock:
    return Clock(wall=time.time_ns() // 1000 - _boot() + boot, boot=boot, boot_id=boot_id)


def tellers(positions: int) -> list[Teller]:
    return [Teller(key, polled, uuid4().hex, uuid4().hex) for key, polled in sorted(polled_by(positions).items())]


def let_in(database: Database) -> dict[str, tuple[int, str]]:
    """Keys and tokens for the agents that have none, as if they were enrolled; gives id and token by key."""
    with database.write() as session:
        asked = select(Subject.key, Subject.id).where(Subject.kind == SubjectKind.AGENT)
        agents = session.exec(asked.where(col(Subject.id).not_in(select(AgentToken.agent_id)))).all()
        found = {key: (own or 0, new_token(AGENT)) for key, own in agents}
        tokens = [
            {"token_hash": hash_token(token), "agent_id": own, "expires_at": FOREVER} for own, token in found.values()
        ]
        session.execute(insert(AgentToken), tokens)
        same = {"standing": KeyStanding.GOOD, "made_at": 1, "host": "pc", "system": "Windows", "address": "10.0.0.1"}
        keys = [{"public_key": f"{own:064x}", "agent_id": own, **same} for own, _ in found.values()]
        session.execute(insert(AgentKey), keys)
    return found


def a_year_over(database: Database, now: int) -> int:
    """Conditions that came and went, each with its ticket, done: one a position in a year. Gives how many."""
    chance = random.Random(7)
    with database.write() as session:
        asked = select(Subject.id).where(Subject.kind == SubjectKind.POSITION).order_by(col(Subject.id))
        ids = [own or 0 for own in session.exec(asked)]
        first = 1 + (session.exec(select(func.max(Condition.id))).one() or 0)
        ticket = 1 + (session.exec(select(func.max(Ticket.id))).one() or 0)
        for start in range(0, len(ids), 5000):
            conditions, tickets, links = [], [], []
            for place, own in enumerate(ids[start : start + 5000], start):
                at = now - (len(ids) - place) * (DAYS * 1440 * MINUTE // len(ids)) - MINUTE
                over = at + chance.randrange(1, 1440) * MINUTE // 2
                over = min(over, now - MINUTE)
                conditions.append(_over(first + place, own, at, over))
                tickets.append(_done(ticket + place, place + 1, own, at, over))
                links.append({"ticket_id": ticket + place, "condition_id": first + place})
            session.execute(insert(Condition), conditions)
            session.execute(insert(Ticket), tickets)
            session.execute(insert(TicketCondition), links)
    return len(ids)


def _over(own: int, subject: int, at: int, over: int) -> dict[str, object]:
    what = {"rule": "device.fault", "part": "", "word": "offline", "severity": Severity.FAULT, "cause": ""}
    return {
        "id": own,
        "uid": new_uid(),
        "subject_id": subject,
        **what,
        "opened_at": at,
        "closed_at": over,
        "noticed_at": at,
    }


def _done(own: int, number: int, subject: int, at: int, over: int) -> dict[str, object]:
    what = {"title": "取款机 离线", "fault": next(iter(Fault)), "urgent": False, "source": TicketSource.CONDITION}
    who = {"opened_by": "system", "done_by": "li", "handler": "li", "outcome": "已修复", "status": TicketStatus.DONE}
    times = {"opened_at": at, "accepted_at": at + 1, "started_at": at + 2, "done_at": over}
    return {"id": own, "uid": new_uid(), "year": 2025, "number": number, "subject_id": subject, **what, **who, **times}
