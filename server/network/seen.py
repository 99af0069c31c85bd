"""What a teller says of its wires, line by line, and how that is kept: the first time and the last of each line."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from server.facts.sheets import text
from server.network.tables import PORT, WireSeen

TOPICS: Final = ("neighbours", "stations")  # that are told each day, and speak for their branch
SWEEP: Final = "sweep"  # who answered when a network was swept: as neighbours, but only of that network
LINES: Final = 5000  # of one sheet
KEPT: Final = 20_000  # of one teller: who makes up stations every day forgets the oldest
_MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII)

Line = tuple[str, str, str]  # MAC, address or "", port


def note(session: Session, teller: int, topic: str, at: int, facts: Mapping[str, Any]) -> None:
    """Keep what the newest sheet of a topic says."""
    said = facts.get(topic)
    if topic not in (*TOPICS, SWEEP) or not isinstance(said, list):
        return
    lines = {(mac, ip): port for mac, ip, port in read(topic, said)}
    known = session.execute(
        select(col(WireSeen.mac), col(WireSeen.ip), col(WireSeen.port)).where(col(WireSeen.teller_id) == teller)
    )
    ports = {(mac, ip): port for mac, ip, port in known}
    swept = {"swept_at": at} if topic == SWEEP else {}
    old = [
        {"teller_id": teller, "mac": mac, "ip": ip, "port": port, "last_at": at, **swept}
        for (mac, ip), port in lines.items()
        if (mac, ip) in ports
    ]
    if old:
        session.execute(update(WireSeen), old)
    new = [(mac, ip, port) for (mac, ip), port in lines.items() if (mac, ip) not in ports]
    session.add_all(
        WireSeen(teller_id=teller, mac=mac, ip=ip, port=port, first_at=at, last_at=at, **swept) for mac, ip, port in new
    )
    session.flush()
    if len(ports) + len(new) > KEPT:
        _forget(session, teller)


def _forget(session: Session, teller: int) -> None:
    own = col(WireSeen.teller_id) == teller
    asked = select(col(WireSeen.last_at)).where(own).order_by(col(WireSeen.last_at).desc()).offset(KEPT).limit(1)
    before = session.execute(asked).scalar_one_or_none()
    if before is not None:
        session.execute(delete(WireSeen).where(own, col(WireSeen.last_at) <= before))


def read(topic: str, said: list[Any]) -> Iterator[Line]:
    """Of "ADDRESS MAC PORT" or "MAC VLAN PORT". A line that is none is left out."""
    for one in said[:LINES]:
        words = one.split(" ", 2) if isinstance(one, str) else []
        if topic == "stations" and len(words) >= 2 and _MAC.fullmatch(words[0]):
            yield words[0], "", _port(words)
        elif topic != "stations" and len(words) >= 2 and _MAC.fullmatch(words[1]):
            with suppress(ValueError):
                yield words[1], str(ip_address(words[0].partition("%")[0])), _port(words)


def _port(words: list[str]) -> str:
    return text(words[2], PORT) if len(words) > 2 else ""
