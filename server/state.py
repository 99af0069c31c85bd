"""What one running server is made of; routes reach it by their dependencies."""

from dataclasses import dataclass

from server.accounts.passwords import Passwords
from server.settings import Settings
from server.storage.database import Database
from server.storage.types import Now


@dataclass
class State:
    database: Database
    settings: Settings
    now: Now
    passwords: Passwords
