"""The bank's networks: `[[segment]]` of bank.toml, and its zones where no segment says more."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from server.checks.bank import Bank, Segment


class Segments:
    """The narrowest network an address is in counts."""

    def __init__(self, bank: Bank) -> None:
        own = [Segment(one.network, one.zone or _zone(bank, one.network), one.branch) for one in bank.segments]
        have = {one.network for one in own}
        zones = [Segment(network, name, "") for name, network in bank.zones if network not in have]
        self.all: Sequence[Segment] = sorted([*own, *zones], key=lambda one: -one.network.prefixlen)

    def find(self, ips: Sequence[str]) -> Segment | None:
        addresses = [ip_address(ip) for ip in ips]
        return next((one for one in self.all for address in addresses if address in one.network), None)


def _zone(bank: Bank, network: IPv4Network | IPv6Network) -> str:
    return bank.zone(network.network_address) or ""
