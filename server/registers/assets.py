"""The asset number the ledger has for a host: of the machine at its position, else of that with its serial number."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from server.facts.tables import FactSheet
from server.ledger.search import field
from server.ledger.tables import Card, CardVersion
from server.storage.types import FOREVER

AT_ONCE: Final = 500  # hosts of one question
SERIAL: Final = "machine.serial"
NOW: Final = (col(CardVersion.effective_to) == FOREVER, col(CardVersion.known_to) == FOREVER)


def assets_of(session: Session, hosts: Mapping[int, int]) -> dict[int, str]:
    """By host; `hosts` has the branch of each. A serial number counts in its branch, where one card alone has it."""
    ids = list(hosts)
    parts = (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
    return {own: asset for part in parts for own, asset in _some(session, {one: hosts[one] for one in part}).items()}


def _some(session: Session, hosts: Mapping[int, int]) -> dict[int, str]:
    found = _at(session, hosts)
    left = {host: branch for host, branch in hosts.items() if host not in found}
    serials = _serials(session, left)
    if not serials:
        return found
    cards: dict[tuple[int, str], list[str]] = defaultdict(list)
    asked = select(col(CardVersion.branch_id), field("serial"), col(Card.asset))
    asked = asked.join(Card, col(Card.id) == col(CardVersion.card_id)).where(
        *NOW, col(CardVersion.branch_id).in_({left[host] for host in serials}), field("serial").in_(serials.values())
    )
    for branch, serial, asset in session.execute(asked):
        cards[branch, serial].append(asset)
    for host, serial in serials.items():
        if len(of := cards[left[host], serial]) == 1:
            found[host] = of[0]
    return found


def _at(session: Session, hosts: Collection[int]) -> dict[int, str]:
    asked = select(col(CardVersion.position_id), col(Card.asset)).join(Card, col(Card.id) == col(CardVersion.card_id))
    rows = session.execute(asked.where(*NOW, col(CardVersion.position_id).in_(hosts)))
    return {position: asset for position, asset in rows}  # noqa: C416 - rows are no pairs to mypy


def _serials(session: Session, hosts: Collection[int]) -> dict[int, str]:
    asked = select(col(FactSheet.subject_id), col(FactSheet.facts))
    rows = session.execute(asked.where(col(FactSheet.topic) == "host", col(FactSheet.subject_id).in_(hosts)))
    return {host: serial for host, facts in rows if isinstance(serial := facts.get(SERIAL), str) and serial.strip()}
