"""What was found, as positions of an inventory in TOML. Everything a device said stands in a comment, in one line."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from agent.cells import broken
from agent.discover.known import Known
from agent.discover.search import Sighting
from agent.discover.toml import toml_value
from agent.ports import Port
from agent.texts import _
from agent.tidy import tidy_text

COMMENT_LIMIT = 160  # characters of what one device said of itself
WIDTH = 104  # cells of a comment of ours
NAMES = {
    "atm": "自动取款机",
    "crs": "存取款一体机",
    "passbook-printer": "存折打印机",
    "kiosk": "存折补登机",
    "card-reader": "读卡器",
    "card-dispenser": "发卡机",
    "printer": "打印机",
    "ups": "不间断电源",
    "router": "路由器",
    "pc": "网点电脑",
    "pos": "POS 终端",
    "rural-terminal": "便民宝",
    "other": "其他设备",
}
_FIRST = ("name", "maker", "model", "serial")
_SLUG = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")


class Position(NamedTuple):
    """A proposed position, and what was seen of its device."""

    branch: str
    key: str
    name: str
    cls: str
    driver: str
    address: str
    options: dict[str, Any]
    seen: str


def positions(sightings: Iterable[Sighting], known: Known) -> list[Position]:
    """Keys and names are the class's with the next free number, in the order of addresses."""
    taken = set(known.keys)
    proposed = []
    for sighting in sorted(sightings, key=lambda one: _by_number(one.found.address)):
        cls = sighting.found.cls if _SLUG.fullmatch(sighting.found.cls) else "other"
        number = next(n for n in range(1, len(taken) + 2) if f"{cls}-{n}" not in taken)
        taken.add(f"{cls}-{number}")
        proposed.append(
            Position(
                branch=known.branch,
                key=f"{cls}-{number}",
                name=f"{class_name(cls, known)}-{number}"[:80],
                cls=cls,
                driver=sighting.driver,
                address=sighting.found.address,
                options=sighting.options,
                seen=_seen(sighting.found.identity),
            )
        )
    return proposed


def class_name(cls: str, known: Known) -> str:
    return (known.classes or {}).get(cls) or NAMES.get(cls, cls)


def _seen(identity: dict[str, str]) -> str:
    """What it said of itself in one line, what tells most first."""
    first = [key for key in _FIRST if key in identity]
    rest = [key for key in identity if key not in _FIRST]
    return _comment(" · ".join(f"{key} {identity[key]}" for key in (*first, *rest) if identity[key]))


def _by_number(address: str) -> list[tuple[int, int, str]]:
    """10.66.1.9 before 10.66.1.10."""
    return [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in re.split(r"([0-9]{1,18})", address)]


def write(proposed: list[Position], ports: list[Port], known: Known) -> str:
    """TOML: with what `known` has it is an inventory; without a bank it is one by itself."""
    blocks = [_head(known)]
    blocks += [_port(port) for port in ports]
    if proposed:
        blocks += [] if known.bank else [_whole(known.branch)]
        blocks += [_class(cls, known) for cls in dict.fromkeys(one.cls for one in proposed) if _is_new(cls, known)]
        blocks += [_position(one) for one in proposed]
    return "\n\n".join(blocks) + "\n"


def _head(known: Known) -> str:
    if known.bank:
        told = _("Proposed by branchfleet-agent discover. Look each over, then put it into the bank's inventory.")
    else:
        told = _(
            "Proposed by branchfleet-agent discover. `branchfleet-agent poll --inventory` takes it as it stands; "
            "`branchfleet-server apply` does not. Look each over. For an inventory you have, take the [[position]] "
            "tables with the code of your branch. To begin one with it, name the bank and take `proposed` out."
        )
    return "\n".join(f"# {line}" for line in broken(told, WIDTH))


def _is_new(cls: str, known: Known) -> bool:
    return known.classes is None or cls not in known.classes


def _port(port: Port) -> str:
    told = "  ".join(filter(None, (port.name, port.maker, port.usb, port.serial)))
    port_is = _("{port} is a serial port").format(port=_comment(port.address))
    ask = _("What is behind it cannot be asked without harm. If you know it: --serial {port}=DRIVER")
    return f"# {port_is}{f': {_comment(told)}' if told else ''}\n# {ask.format(port=_comment(port.address))}"


def _comment(text: str) -> str:
    return tidy_text(text, COMMENT_LIMIT)


def _whole(branch: str) -> str:
    tables: list[tuple[str, dict[str, Any]]] = [
        ("[bank]", {"name": "本行", "proposed": True}),
        ("[[branch]]", {"key": branch, "name": "本网点", "kind": "branch"}),
        ("[[agent]]", {"key": "centre", "name": "采集程序", "branch": branch}),
    ]
    return "\n\n".join("\n".join((head, *_lines(table))) for head, table in tables)


def _class(cls: str, known: Known) -> str:
    lines = ["[[class]]", *_lines({"key": cls, "name": class_name(cls, known)})]
    if known.bank and known.classes is None:
        if_new = _("If the bank's inventory has no such class yet:")
        lines = [f"# {line}" for line in (if_new, *lines)]
    return "\n".join(lines)


def _position(one: Position) -> str:
    table = {
        "branch": one.branch,
        "key": one.key,
        "name": one.name,
        "class": one.cls,
        "driver": one.driver,
        "address": one.address,
        **({"options": one.options} if one.options else {}),
    }
    seen = [f"# seen: {one.seen}"] if one.seen else []
    return "\n".join(["[[position]]", *seen, *_lines(table)])


def _lines(table: dict[str, Any]) -> Iterator[str]:
    return (f"{key} = {toml_value(value)}" for key, value in table.items())
