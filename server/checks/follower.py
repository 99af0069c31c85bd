"""Keeps the verdicts of all hosts: some hosts a transaction, those first that time or news may have otherwise.

What is to be done stands in `judged_host`: whatever touches a host marks it there in its own transaction, so a kill
loses nothing, and a second server that did the same would only do it twice. That a check or the bank's file is another
is seen by each row's `basis`, and the fleet is walked through once; no sheet ever has all hosts judged.
"""

import time
from typing import Final

from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from server.checks import queries
from server.checks.days import count_day
from server.checks.due import AT_ONCE, NOW
from server.checks.keeping import Bench, judge_hosts
from server.checks.kept import Checks
from server.checks.tables import JudgedHost, VerdictRow
from server.checks.told import hosts
from server.exemptions.ending import any_over, end_those_over
from server.following.thread import Following
from server.storage.database import Database
from server.storage.lead import Lead, Role
from server.storage.types import Now

NAME: Final = "verdicts"
HOSTS: Final = 100  # of one transaction
MET: Final = 2_000  # new ones of one transaction
SECOND: Final = 1_000_000  # µs
REMEMBERED: Final = 20 * SECOND  # what hosts said alike; and until files of checks are looked at again
LOOK: Final = 60.0  # seconds between looks for new hosts
COUNT: Final = 3600 * SECOND  # between counts of the day


class VerdictFollower(Following):
    name = NAME
    pause = 2.0

    def __init__(self, database: Database, now: Now, checks: Checks) -> None:
        super().__init__(Lead(database, Role.VERDICTS))
        self._database = database
        self._now = now
        self._checks = checks
        self._bench: Bench | None = None
        self._walked = ""  # the basis by which every host was judged
        self._at = 0  # where the walk is
        self._looked = float("-inf")
        self._counted = -COUNT

    def arrive(self) -> None:
        self._bench, self._walked, self._at, self._looked = None, "", 0, float("-inf")

    def step(self) -> int:
        """Judge the next hosts, and say how many; 0 if every verdict is as it should be."""
        now = self._now()
        done = self._met() + self._end_exemptions(now)
        bench = self._ready(now)
        done += self._judge(bench, now)
        if not done and not 0 <= now - self._counted < COUNT:
            count_day(self._database, now)
            self._counted = now
        return done

    def _end_exemptions(self, now: int) -> int:
        with self._database.read() as session:
            if not any_over(session, now):
                return 0
        with self._database.write() as session:
            return end_those_over(session, now)

    def _met(self) -> int:
        """Hosts that came and went since the last look; so many that came, and no more, are taken in at once."""
        if time.monotonic() - self._looked < LOOK:
            return 0
        with self._database.read() as session:
            there = hosts(session).keys()
            known = set(session.execute(select(col(JudgedHost.subject_id))).scalars())
        came, went = sorted(there - known)[:MET], sorted(known - there)[:HOSTS]
        if not came and not went:
            self._looked = time.monotonic()
            return 0
        with self._database.write() as session:
            self._take_in(session, came)
            if went:
                session.execute(delete(VerdictRow).where(col(VerdictRow.subject_id).in_(went)))
                session.execute(delete(JudgedHost).where(col(JudgedHost.subject_id).in_(went)))
        return len(came) + len(went)

    @staticmethod
    def _take_in(session: Session, came: list[int]) -> None:
        for start in range(0, len(came), AT_ONCE):
            part = came[start : start + AT_ONCE]
            asked = select(col(JudgedHost.subject_id)).where(col(JudgedHost.subject_id).in_(part))
            met = set(session.execute(asked).scalars())
            if rows := [{"subject_id": own, "due": NOW, "basis": ""} for own in part if own not in met]:
                session.execute(insert(JudgedHost), rows)

    def _ready(self, now: int) -> Bench:
        bench = self._bench
        if bench is None or not 0 <= now - bench.now < REMEMBERED:
            have = self._checks.kept()
            with self._database.read() as session:
                bank = queries.bank_by_file(session, self._checks, have, now)
            bench = Bench(have, bank, now)
            if self._bench is None or bench.basis != self._bench.basis:
                self._at = 0
            self._bench = bench
        return bench

    def _judge(self, bench: Bench, now: int) -> int:
        with self._database.read() as session:
            wanted = _due(session, bench) or self._next(session, bench)
        if not wanted:
            return 0
        with self._database.write() as session:
            asked = (
                select(JudgedHost).where(col(JudgedHost.subject_id).in_(wanted)).order_by(col(JudgedHost.subject_id))
            )
            rows = list(session.execute(asked.with_for_update(skip_locked=True)).scalars())
            judge_hosts(session, bench, rows, now)
        return len(wanted)

    def _next(self, session: Session, bench: Bench) -> list[int]:
        """Of the walk through those that were judged by other checks, or another bank."""
        if self._walked == bench.basis:
            return []
        others = col(JudgedHost.subject_id) > self._at, col(JudgedHost.basis) != bench.basis
        asked = select(col(JudgedHost.subject_id)).where(*others).order_by(col(JudgedHost.subject_id))
        found = list(session.execute(asked.limit(HOSTS)).scalars())
        if found:
            self._at = found[-1]
        else:
            self._walked = bench.basis
        return found


def _due(session: Session, bench: Bench) -> list[int]:
    """By the moment the checks are judged at: whom time has otherwise only later is not judged before."""
    asked = select(col(JudgedHost.subject_id)).where(col(JudgedHost.due) <= bench.now)
    return list(session.execute(asked.order_by(col(JudgedHost.due)).limit(HOSTS)).scalars())
