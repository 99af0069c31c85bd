"""What one running server is made of; routes reach it by their dependencies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from server.accounts.passwords import Passwords
from server.agents.assignment import Revisions
from server.agents.challenges import Voice
from server.agents.limits import Limits
from server.agents.turns import Turns
from server.aside.shelf import Shelf
from server.checks.follower import VerdictFollower
from server.checks.kept import Checks
from server.events.ticker import Ticker
from server.following.thread import Following
from server.health.follower import Follower
from server.ingest.writer import Writer
from server.licences.told import Installs
from server.orders.hub import Hub
from server.places.together import Together
from server.retention.sweeper import Sweeper
from server.schemas.home import Home
from server.settings import Settings
from server.storage.database import Database
from server.storage.types import Now


@dataclass
class State:
    database: Database
    settings: Settings
    now: Now
    key: bytes | None  # of the home, to open secrets with
    epoch: str  # of the database: another one means that an older database came back
    voice: Voice  # what agents know this server by
    addresses: Callable[[], list[str]]  # URLs by which people named it
    limits: Limits
    turns: Turns
    passwords: Passwords
    writer: Writer
    revisions: Revisions
    ticker: Ticker
    follower: Follower  # health
    verdicts: VerdictFollower
    followers: Mapping[str, Following]  # by name: these, and all that follows from records or verdicts besides
    sweeper: Sweeper
    hub: Hub
    shelf: Shelf
    checks: Checks
    templates: Path | None  # the folder of the bank's own templates
    installs: Installs = field(default_factory=Installs)
    homes: Together[Home] = field(default_factory=Together)  # of the whole bank
    draining: bool = False  # the end is asked for
