"""Which networks may be swept, how long that takes, and which agents stand in them."""

from contextlib import suppress
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session, col

from server.errors import Invalid
from server.facts.tables import FactSheet
from server.network.segments import Segments
from server.orders.window import SECOND

WIDEST: Final = 22  # 1,022 addresses: a PC remembers so many neighbours (Linux' gc_thresh3 is 1,024)
SETTLES: Final = 60  # seconds besides: until it is known that the last one asked is not there, and for a slow PC


def prefix_of(said: str) -> IPv4Network:
    """Invalid if it is none that can be swept."""
    try:
        prefix = IPv4Interface(said).network
    except ValueError:
        raise Invalid("{said} is no network of IPv4: write it as 10.1.1.0/24.", said=said[:40]) from None
    if prefix.prefixlen < WIDEST:
        raise Invalid(
            "A sweep is of a /{widest} at most, 1,022 addresses: a PC remembers no more neighbours. Sweep {said} in "
            "parts.",
            widest=WIDEST,
            said=str(prefix),
        )
    if prefix.is_loopback or prefix.is_multicast or prefix.is_unspecified:
        raise Invalid("Nobody has an address in {said}.", said=str(prefix))
    if said.partition("/")[0] != str(prefix.network_address):
        raise Invalid("{said} is an address in {network}: to sweep that network write {network}.", said=said[:40],
                      network=str(prefix))  # fmt: skip
    return prefix


def takes(prefix: IPv4Network, rate: int) -> int:
    """µs, at most."""
    return (-(-prefix.num_addresses // rate) + SETTLES) * SECOND


def branch_of(segments: Segments, prefix: IPv4Network) -> str:
    """The code of the branch whose network it is, or is part of; "" if the bank wrote down none."""
    return next((one.branch for one in segments.all if one.branch and _within(prefix, one.network)), "")


def zone_of(segments: Segments, prefix: IPv4Network) -> str:
    return next((one.zone for one in segments.all if one.zone and _within(prefix, one.network)), "")


def _within(prefix: IPv4Network, network: Any) -> bool:
    return isinstance(network, IPv4Network) and prefix.subnet_of(network)


def told_networks(session: Session, agents: Any) -> dict[int, list[IPv4Network]]:
    """Of agents' PCs that told in which networks they stand. `agents`: ids, or a question for them."""
    asked = select(col(FactSheet.subject_id), col(FactSheet.facts)).where(
        col(FactSheet.subject_id).in_(agents), col(FactSheet.topic) == "network"
    )
    return {agent: list(_networks(facts.get("networks"))) for agent, facts in session.execute(asked)}


def _networks(said: object) -> Any:
    """Of "eth0 10.1.1.5/24"."""
    for line in said if isinstance(said, list) else ():
        with suppress(ValueError):
            yield IPv4Interface(str(line).rpartition(" ")[2]).network


def stands_in(told: dict[int, list[IPv4Network]], agent: int, prefix: IPv4Network) -> bool | None:
    """None where its PC told of no network."""
    networks = told.get(agent)
    return any(prefix.subnet_of(one) for one in networks) if networks else None
