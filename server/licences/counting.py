"""How many hosts stand how to each product. Pure.

Most hosts lack most products, so what a whole sheet says is counted once a host, and only what it names, or cannot
tell, is counted product by product.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from server.licences.installs import ALL, Said, found, silent, unlisted
from server.licences.products import Product, Products
from server.schemas.licences import Install

Told = Mapping[str, Said]  # by topic
INSTALLED: Final = (Install.USED, Install.UNLICENSED, Install.GRACE, Install.UNSAID)


class Counts:
    """Of each product the hosts by word; they add up to `hosts`."""

    def __init__(self, products: Products, hosts: Iterable[Told], now: int) -> None:
        self.hosts = self.listed = 0
        self._products = products
        self._usual: dict[str, Counter[Install]] = {"host": Counter(), "software": Counter()}
        self._but: dict[str, Counter[Install]] = {one: Counter() for one in products.by_id}
        for told in hosts:
            self.hosts += 1
            self.listed += self._count(told, "software", now)
            self._count(told, "host", now)

    def _count(self, told: Told, topic: str, now: int) -> bool:
        """And whether the sheet is there and tells of every product."""
        one = told.get(topic)
        quiet = one is None or silent(one, now) is not None
        usual = Install.UNKNOWN if unlisted(one, now) else Install.ABSENT
        self._usual[topic][usual] += 1
        if one is None or quiet:
            return False
        for product in {*one.has, *one.gaps} - {ALL}:
            word = found(self._products.by_id[product], told, now).word
            self._but[product][word] += 1
            self._but[product][usual] -= 1
        return ALL not in one.gaps

    def of(self, product: Product) -> dict[Install, int]:
        if not product.topic:
            return {word: self.hosts if word is Install.UNKNOWN else 0 for word in Install}
        usual, but = self._usual[product.topic], self._but[product.id]
        return {word: usual[word] + but[word] for word in Install}


def installed(counts: Mapping[Install, int]) -> int:
    return sum(counts[word] for word in INSTALLED)
