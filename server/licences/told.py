"""What hosts said of products, kept in memory: of a bank's lists of programs only those are read that are new."""

from collections.abc import Collection
from threading import Lock

from sqlalchemy import select
from sqlmodel import Session, col

from server.accounts.scope import Scoped, in_scope
from server.checks.told import AT_ONCE, sheets_of
from server.facts.tables import FactSheet
from server.inventory.tables import Subject
from server.licences.installs import TOPICS, Said, said
from server.licences.products import Products

Version = tuple[int, int, int]  # of a sheet


class Installs:
    def __init__(self) -> None:
        self._lock = Lock()
        self._products = Products(())
        self._said: dict[tuple[int, str], tuple[Version, Said]] = {}

    def told(self, session: Session, viewer: Scoped, products: Products) -> dict[int, dict[str, Said]]:
        """By subject and topic, of those this person sees. One that never told anything is not among them."""
        with self._lock:
            if products.by_id != self._products.by_id:
                self._products, self._said = products, {}
            there = _versions(session, viewer)
            for topic in TOPICS:
                new = [host for (host, of), at in there.items() if of == topic and self._old(host, of, at)]
                self._read(session, topic, new, there)
            found: dict[int, dict[str, Said]] = {}
            for host, topic in there:
                if (host, topic) in self._said:
                    found.setdefault(host, {})[topic] = self._said[host, topic][1]
            return found

    def _old(self, host: int, topic: str, version: Version) -> bool:
        kept = self._said.get((host, topic))
        return kept is None or kept[0] != version

    def _read(
        self, session: Session, topic: str, hosts: Collection[int], there: dict[tuple[int, str], Version]
    ) -> None:
        ids = sorted(hosts)
        for start in range(0, len(ids), AT_ONCE):
            for host, sheets in sheets_of(session, ids[start : start + AT_ONCE], [topic]).items():
                self._said[host, topic] = there[host, topic], said(topic, sheets[topic], self._products)


def _versions(session: Session, viewer: Scoped) -> dict[tuple[int, str], Version]:
    sheet = FactSheet.subject_id, FactSheet.topic, FactSheet.at, FactSheet.arrived, FactSheet.record
    asked = select(*map(col, sheet)).join(Subject, col(Subject.id) == col(FactSheet.subject_id))
    asked = asked.where(col(FactSheet.topic).in_(TOPICS), in_scope(viewer, col(Subject.branch_id)))
    return {(host, topic): (at, arrived, record) for host, topic, at, arrived, record in session.execute(asked)}
