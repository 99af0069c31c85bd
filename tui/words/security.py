"""How safe a PC is by its own word: antivirus, restart, updates, ports, and what of it nobody could check, and why."""

from collections.abc import Iterator

from server.schemas.facts import FactsOut, TopicOut, Value
from tui.texts import N_, _
from tui.words.times import ago, day

TOPICS = ("host", "updates", "network", "antivirus", "policy")  # what is shown: not the long list of software
RISKY = ("135", "137", "138", "139", "445", "3389")
PRODUCTS = 8
PORTS = 12  # in a line
WHY = {
    "rights": N_("lacks the rights"),
    "absent": N_("nothing there tells it"),
    "timeout": N_("it took too long"),
    "unreadable": N_("nobody could read it"),
}
TITLES = {  # the first that a name begins with
    "reboot.": N_("Restart"),
    "updates.": N_("Updates"),
    "ports.": N_("Ports"),
    "listening": N_("Ports"),
    "shares": N_("Shares"),
    "smb1.server": N_("SMB1"),
    "firewall.": N_("Firewall"),
    "usb.storage": N_("USB sticks"),
    "administrators": N_("Administrators"),
    "machine.serial": N_("Serial number"),
    "machine.": N_("Maker and model"),
    "os.edition": N_("System edition"),
    "os.build": N_("Build"),
    "os.version": N_("System version"),
    "os.": N_("System"),
    "kernel": N_("Kernel"),
    "host.": N_("Host"),
    "arch": N_("Processor"),
    "cpu.": N_("Processor"),
    "memory.": N_("Memory"),
    "swap.": N_("Swap space"),
    "disk.": N_("Disk"),
    "addresses": N_("Addresses"),
    "macs": N_("MAC"),
    "boot.": N_("Started on"),
    "timezone": N_("Time zone"),
    "encoding": N_("Encoding of text"),
    "clock.": N_("Clock"),
    "file.srv.sys": N_("Version of srv.sys"),
    "software": N_("Software"),
    "networks": N_("Networks"),
    "neighbours": N_("Neighbours"),
    "stations": N_("Stations"),
    "licence": N_("Licence"),
}
OF_PRODUCTS = {  # behind av.N.
    "library": N_("Virus library"),
    "library_at": N_("Virus library"),
    "realtime": N_("Real-time protection"),
    "engine": N_("Antivirus engine"),
    "version": N_("Antivirus version"),
}


def security(told: FactsOut, now: int) -> list[tuple[str, str]]:
    """What a person needs of it; nothing unread is shown as good."""
    if told.at is None:
        return []
    facts, topics = told.facts, {one.topic: one for one in told.topics}
    shown = [
        (_("Antivirus"), "antivirus", _antivirus(facts)),
        (_("Restart"), "host", _restart(facts)),
        (_("Updates"), "updates", _updates(facts)),
        (_("Risky ports"), "network", _ports(facts)),
        (_("Firewall"), "network", _firewall(facts)),
    ]
    lines = [(name, _aged(value, topics.get(topic), now)) for name, topic, value in shown]
    unread = _("; ").join(_unread(told.topics))
    return [*lines, (_("Not checked"), unread)] if unread else lines


def _aged(value: str, topic: TopicOut | None, now: int) -> str:
    """What is old says so with each value: each topic has its own age."""
    if not value:
        return _("not checked")
    if topic is None or not topic.old:
        return value
    return _("{value} (old: {ago})").format(value=value, ago=ago(topic.at, now))


def _antivirus(facts: dict[str, Value]) -> str:
    count = facts.get("av.count")
    if not isinstance(count, int) or isinstance(count, bool):
        return ""
    if count == 0:
        return _("none found")
    return _("; ").join(_product(facts, f"av.{number}") for number in range(1, min(count, PRODUCTS) + 1))


def _product(facts: dict[str, Value], product: str) -> str:
    library, at, watches = (facts.get(f"{product}.{name}") for name in ("library", "library_at", "realtime"))
    name = " ".join(str(facts[key]) for part in ("product", "version") if (key := f"{product}.{part}") in facts)
    made = _day(at)
    told = _("library {name} of {day}").format(name=library or "—", day=made) if made else _("library not checked")
    guard = _("not checked")
    if isinstance(watches, bool):
        guard = _("on") if watches else _("off")
    return " · ".join((name, told, _("real-time {guard}").format(guard=guard)))


def _restart(facts: dict[str, Value]) -> str:
    pending, why = facts.get("reboot.pending"), facts.get("reboot.why")
    if not isinstance(pending, bool):
        return ""
    if not pending:
        return _("not needed")
    return _("pending: {why}").format(why=_some(why)) if isinstance(why, list) else _("pending")


def _updates(facts: dict[str, Value]) -> str:
    count, at = facts.get("updates.pending_count"), _day(facts.get("updates.lists_at"))
    if not isinstance(count, int) or isinstance(count, bool):
        return ""
    return _("{count} to install, by lists of {day}").format(count=f"{count:,}", day=at or "—")


def _ports(facts: dict[str, Value]) -> str:
    tcp, udp = facts.get("ports.tcp"), facts.get("ports.udp")
    if not isinstance(tcp, list) or not isinstance(udp, list):
        return ""
    found = [f"{kind} {port}" for kind, ports in (("tcp", tcp), ("udp", udp)) for port in ports if port in RISKY]
    return _some(found) or _("none of {ports} listens").format(ports=", ".join(RISKY))


def _firewall(facts: dict[str, Value]) -> str:
    on = facts.get("firewall.on")
    return "" if not isinstance(on, bool) else _("on") if on else _("off")


def _unread(topics: list[TopicOut]) -> Iterator[str]:
    """By the reason, each name once."""
    by_why: dict[str, list[str]] = {}
    for topic in topics:
        for name, why in topic.unread.items():
            title = title_of(name)
            if name.endswith(".scanned_at"):  # hardly any product tells it
                continue
            names = by_why.setdefault(why, [])
            if title not in names:
                names.append(title)
    for why, names in by_why.items():
        yield _("{names} ({why})").format(names=_(", ").join(names), why=_(WHY[why]) if why in WHY else why)


def title_of(name: str) -> str:
    """What a fact, or a beginning of names, is called; of a product's what it is of it."""
    if name.startswith("av."):
        return _(OF_PRODUCTS.get(name.rpartition(".")[2], N_("Antivirus")))
    return next((_(title) for begin, title in TITLES.items() if name.startswith(begin)), name)


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:PORTS]) + (f" … {len(texts)}" if len(texts) > PORTS else "")


def _day(at: Value | None) -> str:
    try:
        return day(at) if isinstance(at, int) and not isinstance(at, bool) else ""
    except (ValueError, OverflowError, OSError):  # no time a calendar has
        return ""


def value_text(value: Value | None) -> str:
    """Of any fact, in one line; what is not known has a dash."""
    if value is None:
        return "—"
    if isinstance(value, list):
        return _some([one.replace("\t", " ") for one in value]) or _("nothing")
    return _("yes") if value is True else _("no") if value is False else str(value)
