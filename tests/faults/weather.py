"""A line in bad weather, one kind after the other, between programs a person started, over TLS; and then the count.

The agent is in a network namespace that can lose packets; before the server stands a proxy that delays, cuts, swallows
and lies. Of each kind of weather it is seen how long the server got nothing from the agent, and how soon after the
weather it had something again.
"""

import datetime
import sqlite3
import ssl
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.faults.bank import Bank
from tests.faults.bench import Bench, bench, until
from tests.faults.count import Count, count
from tests.faults.line import Line, Weather, line
from tests.faults.namespace import Branch, branch

LOOK = 0.05  # seconds between two looks at what the server holds
WITHIN = 150.0  # seconds after bad weather by which something must have come: the longest wait is a minute


@dataclass
class Seen:
    """Of one kind of weather, in seconds."""

    weather: str
    lasted: float
    came: int = 0  # records that came while it lasted
    silence: float = 0.0  # the longest the server got nothing, over the weather and until it had something again
    back: float = 0.0  # from its end to the first record


@dataclass
class Found:
    seen: list[Seen] = field(default_factory=list)
    counted: Count = field(default_factory=lambda: Count([]))


class Sky:
    """What weather there is, and what of the agent gets through to the server."""

    def __init__(self, made: Bench, through: Line, place: Branch) -> None:
        self._made = made
        self._line = through
        self._place = place

    def kinds(self) -> dict[str, Callable[[], None]]:
        return {
            "30 % of packets lost each way": self._lossy,
            "300 ms each way": self._slow,
            "300 ms and 30 %": self._slow_and_lossy,
            "packets to the centre lost": lambda: self._place.drop(outgoing="ip protocol tcp"),
            "packets from the centre lost": lambda: self._place.drop(incoming="ip protocol tcp"),
            "half open: answers never come": lambda: self._turn(Weather.DEAF),
            "half open: questions never arrive": lambda: self._turn(Weather.MUTE),
            "takes all, answers nothing": lambda: self._turn(Weather.SWALLOWS),
            "refused": lambda: self._turn(Weather.REFUSED, cut=True),
            "cut after 1 to 2 KB": lambda: self._turn(Weather.CUTS, cut=True),
            "a portal in plain HTTP": lambda: self._turn(Weather.PORTAL, cut=True),
            "a portal with a certificate of its own": self._portal,
        }

    def _slow(self) -> None:
        self._line.delay = 0.3

    def _lossy(self) -> None:
        three_of_ten = "numgen random mod 10 < 3"
        self._place.drop(incoming=three_of_ten, outgoing=three_of_ten)

    def _slow_and_lossy(self) -> None:
        self._slow()
        self._lossy()

    def _turn(self, weather: Weather, *, cut: bool = False) -> None:
        self._line.weather = weather
        if cut:
            self._line.cut()

    def _portal(self) -> None:
        self._line.lies_by = portal(self._made.home)
        self._turn(Weather.PORTAL, cut=True)

    def clear(self) -> None:
        self._line.weather = Weather.FINE
        self._line.delay = 0.0
        self._line.lies_by = None
        self._place.mend()

    def held(self) -> int:
        """Records the server has."""
        with closing(sqlite3.connect(f"file:{self._made.database}?mode=ro", uri=True)) as file:
            number: int = file.execute("SELECT count(*) FROM record").fetchone()[0]
        return number


def run(home: Path, seconds: float, only: Collection[str] = ()) -> Found:
    """Live through every kind of weather, or those whose names begin as `only` says."""
    found = Found()
    with _made(home) as (made, through, place):
        sky = Sky(made, through, place)
        made.tell_story()
        until(lambda: sky.held() > 10, "the first records")
        for name, begin in sky.kinds().items():
            if only and not name.startswith(tuple(only)):
                continue
            found.seen.append(_live_through(sky, name, begin, seconds))
            print(say_one(found.seen[-1]), file=sys.stderr, flush=True)  # noqa: T201
        made.end_story()
        time.sleep(2 * made.bank.interval)  # what was shown last is polled; the count says whether it was
        made.stop("agent-1001")
        made.stop("server")
        found.counted = count(made.database, made.shown, [made.agent_home() / "spool.db"])
    return found


@contextmanager
def _made(home: Path) -> Iterator[tuple[Bench, Line, Branch]]:
    with branch() as place:
        inside = {"simulators": place.words, "agent-1001": place.words}
        bank = Bank(devices=4, interval=1.0, change=12.0)
        with bench(home, bank, host=place.outer, wrap=inside) as made, line((made.host, made.port), made.host) as way:
            way.cut_after = lambda: 1000 + int(time.time() * 1e3) % 1000
            made.enrol("agent-1001", f"https://{way.host}:{way.port}")
            made.start_server()
            made.start_agent()
            yield made, way, place


def _live_through(sky: Sky, name: str, begin: Callable[[], None], seconds: float) -> Seen:
    seen = Seen(name, seconds)
    began = heard = time.monotonic()
    end = began + seconds
    before = held = sky.held()
    begin()
    cleared = False
    while True:
        time.sleep(LOOK)
        now, more = time.monotonic(), sky.held()
        if more > held:
            seen.silence = max(seen.silence, now - heard)
            heard, held = now, more
        if not cleared and now > end:
            sky.clear()
            cleared, seen.came, end, held = True, more - before, now, more
        elif cleared and held > before + seen.came:
            seen.back = now - end
            return seen
        elif now > end + WITHIN:
            raise AssertionError(f"{name}: nothing came in {WITHIN:.0f} s after it")


def portal(home: Path) -> ssl.SSLContext:
    """A certificate as a portal has one: nobody's who matters."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "portal.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=30))
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    as_pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = home / "portal.pem"
    file.write_bytes(certificate + key.private_bytes(*as_pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def say(found: Found) -> list[str]:
    return [say_one(one) for one in found.seen]


def say_one(seen: Seen) -> str:
    return (
        f"{seen.weather:40} {seen.lasted:4.0f} s: {seen.came:4} records came, none for {seen.silence:5.1f} s at most;"
        f" the next {seen.back:4.1f} s after it"
    )
