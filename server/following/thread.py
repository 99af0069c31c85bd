"""A thread that follows the record log: it steps, waits for news, and tries again what the database would not take.

Of several servers on one database one follows, and another takes over when that one is gone.
"""

import logging
import threading
from abc import ABC, abstractmethod
from typing import Protocol

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

log = logging.getLogger(__name__)

PASSING = (OperationalError, InterfaceError, NoConnection)  # locked, full, or away: trying again helps
LONGEST_PAUSE = 10.0  # seconds between attempts
STAND_BY = 0.5  # seconds between looks whether the server that follows is still there


class Overtaken(Exception):
    """Another follower of the same name moved the cursor; nothing was written."""


class Leading(Protocol):
    """Whether it is this server that does it, or its part of it."""

    def held(self) -> bool: ...

    def release(self) -> None: ...


class Following(ABC):
    """`step()` once, or `start()` a thread that steps until `stop()`."""

    name: str
    pause: float  # seconds between looks at the log when nobody wakes it
    gather: float = 0.0  # seconds from one step that found something to the next: what comes in them is taken at once

    def __init__(self, lead: Leading) -> None:
        self._lead = lead
        self.leads = False
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None
        self.failing = False  # the last step ended by a defect
        self.defects = 0  # how often something did since the server began

    @abstractmethod
    def step(self) -> int:
        """Take what is next; 0 if there was nothing. What it raises of PASSING has written nothing."""

    def arrive(self) -> None:  # noqa: B027 - who guards each step by itself has nothing to do
        """Others may have stepped since this one did last."""

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """There is news: look now."""
        self._news.set()

    def _run(self) -> None:
        try:
            self._follow()
        finally:
            self._lead.release()

    def _follow(self) -> None:
        pause, hindered = self.pause, False
        while not self._stopping.is_set():
            try:
                if not self._leading():
                    self._stopping.wait(STAND_BY)
                    continue
                done = self.step()
            except PASSING as error:
                if not hindered:
                    log.error("What follows from records (%s) is written when that is possible: %s", self.name, error)
                hindered, pause = True, min(pause * 2, LONGEST_PAUSE)
                self._stopping.wait(pause)
            except Overtaken:
                log.error("Another server follows this database too (%s); this one stands back.", self.name)
                self._lead.release()
                self.leads = False
                self._stopping.wait(LONGEST_PAUSE)
            except Exception:  # the border: what it stumbled over may be gone later, and nothing else writes it
                if not self.failing:
                    log.exception("What follows from records (%s) is tried again: it ended by a defect", self.name)
                self.failing, self.defects = True, self.defects + 1
                pause = min(pause * 2, LONGEST_PAUSE)
                self._stopping.wait(pause)
            else:
                if hindered or self.failing:
                    log.warning("What follows from records is written again (%s).", self.name)
                hindered, self.failing, pause = False, False, self.pause
                if not done:
                    self._news.wait(pause)
                    self._news.clear()
                elif self.gather:
                    self._stopping.wait(self.gather)

    def _leading(self) -> bool:
        led, self.leads = self.leads, self._lead.held()
        if self.leads and not led:
            self.arrive()
        return self.leads
