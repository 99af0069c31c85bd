"""What is polled already, by an inventory or by this agent's assignment: it is not looked for again."""

import ipaddress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from agent.assignment import load
from agent.discover.ranges import Place
from agent.exit import Exit, Trouble
from agent.inventory.problems import nearest
from agent.inventory.read import InventoryError, read_inventory
from agent.inventory.schema import Inventory
from agent.poll import address_key
from agent.texts import _
from agent.tidy import tidy_text

HERE = "here"  # the branch of a PC that nobody told anything


@dataclass(frozen=True)
class Known:
    """Without `bank`, nobody has an inventory yet: a whole one is proposed."""

    branch: str = HERE
    bank: bool = False
    polled: frozenset[tuple[str, str]] = frozenset()  # (driver, address), of the whole bank
    ports: frozenset[str] = frozenset()  # addresses of this branch: COM3 is another port on another PC
    keys: frozenset[str] = frozenset()  # of this branch's positions
    classes: dict[str, str] | None = None  # key -> name; None: not known here

    @cached_property
    def _places(self) -> set[tuple[str, str, int | None]]:
        return {(driver, *split_host(address)) for driver, address in self.polled}

    @cached_property
    def _hosts(self) -> set[tuple[str, str]]:
        return {(driver, host) for driver, host, _ in self._places}

    @cached_property
    def _ports(self) -> set[str]:
        return {address_key(address) for address in self.ports}

    def has(self, driver: str, place: Place) -> bool:
        """Whether `driver` polls this place already, at its port or at the usual one."""
        if place.port is None:
            return (driver, place.host) in self._hosts
        return bool({(driver, place.host, place.port), (driver, place.host, None)} & self._places)

    def has_port(self, address: str) -> bool:
        """Whether any driver polls this serial port or card reader."""
        return address_key(address) in self._ports


def known_by(inventory: Path | None, home: Path, branch: str | None) -> Known:
    """Trouble if the inventory cannot be read, or the branch is none of its or not to be guessed."""
    if inventory is not None:
        try:
            return _by_inventory(read_inventory(inventory), branch)
        except InventoryError as error:
            raise Trouble(Exit.BAD_INPUT, error.say(_)) from error
    assignment = load(home)
    if assignment is None:
        return Known(branch or HERE)
    keys = [polled.position for polled in assignment.polled]
    chosen = branch or _only(sorted({key.partition("/")[0] for key in keys}))
    return Known(
        branch=chosen,
        bank=True,
        polled=frozenset((polled.driver, polled.address) for polled in assignment.polled),
        ports=frozenset(polled.address for polled in assignment.polled),
        keys=_keys_in(chosen, keys),
    )


def _by_inventory(inventory: Inventory, branch: str | None) -> Known:
    branches = [one.key for one in inventory.branch]
    if branch is not None and branch not in branches:
        near = nearest(branch, branches)
        hint = _("Did you mean {near}?").format(near=near) if near else ""
        told = _("The inventory has no branch {branch}.").format(branch=tidy_text(branch, 80))
        raise Trouble(Exit.NOT_FOUND, f"{told} {hint}".strip())
    chosen = branch or _only(branches)
    return Known(
        branch=chosen,
        bank=True,
        polled=frozenset((one.driver, one.address) for one in inventory.position if one.driver),
        ports=frozenset(one.address for one in inventory.position if one.driver and one.branch == chosen),
        keys=_keys_in(chosen, [f"{one.branch}/{one.key}" for one in inventory.position]),
        classes={one.key: one.name for one in inventory.cls},
    )


def _only(branches: list[str]) -> str:
    if len(branches) == 1:
        return branches[0]
    told = _("There are {count} branches here; say which one this is, like --branch {branch}.")
    raise Trouble(Exit.BAD_INPUT, told.format(count=len(branches), branch=branches[0] if branches else "1001"))


def _keys_in(branch: str, keys: list[str]) -> frozenset[str]:
    return frozenset(key.partition("/")[2] for key in keys if key.partition("/")[0] == branch)


def split_host(address: str) -> tuple[str, int | None]:
    """Host and port of "HOST", "HOST:PORT", "[V6]:PORT" and "scheme://HOST:PORT/..."; of anything else itself."""
    whole = address if "://" in address else f"//{address}"
    if address.count(":") > 1 and "[" not in address and "://" not in address:
        whole = f"//[{address}]"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname or address, parts.port
    except ValueError:
        return address, None
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError:
        return host, port
