"""All topics there are, each looked at by itself: what one fails by changes nothing of the others."""

import logging
import sys
from collections.abc import Callable, Iterator

from agent.facts.host import host
from agent.facts.sheet import Sheet
from agent.wire import Clock

log = logging.getLogger(__name__)

# By the names that are not read where looking at the whole topic fails.
NAMES = {
    "host": ("host.", "os.", "machine.", "reboot.", "clock."),
    "updates": ("updates.", "file."),
    "software": ("software",),
    "network": ("ports.", "listening", "shares", "smb1.server", "firewall.", "networks"),
    "antivirus": ("av.",),
    "policy": ("usb.storage", "administrators", "licence"),
    "neighbours": ("neighbours",),
}


def sheets(clock: Clock, off: int | None = None) -> Iterator[Sheet]:
    """One a topic. Takes seconds: programs are asked."""
    looks: dict[str, Callable[[], Sheet]] = {"host": lambda: host(clock, off)}
    beside: Callable[[Sheet], Sheet] | None = None
    if sys.platform == "linux":
        from agent.facts.antivirus import antivirus
        from agent.facts.neighbours import neighbours
        from agent.facts.network import network
        from agent.facts.policy import policy
        from agent.facts.software import software
        from agent.facts.updates import updates

        looks |= {
            "updates": updates,
            "software": software,
            "network": network,
            "antivirus": antivirus,
            "policy": policy,
            "neighbours": neighbours,
        }
    elif sys.platform == "win32":
        from agent.facts import neighbours as others
        from agent.facts import powershell, registry
        from agent.facts.windows import driver_version

        script = powershell.Script(powershell.program())
        beside = script.beside
        hive = registry.LocalMachine()
        srv = Sheet("updates")
        srv.read("file.srv.sys", lambda: driver_version("srv.sys"))
        looks |= {
            "updates": lambda: registry.updates(hive, srv),
            "software": lambda: registry.software(hive),
            "network": lambda: registry.network(hive, srv),
            "antivirus": lambda: registry.antivirus(hive),
            "policy": lambda: registry.policy(hive),
            "neighbours": others.windows,
        }
    for topic, look in looks.items():
        yield looked(topic, look, beside)


def looked(topic: str, look: Callable[[], Sheet], beside: Callable[[Sheet], Sheet] | None = None) -> Sheet:
    """With what another source tells `beside` it."""
    try:
        own = look()
        return (beside(own) if beside else own).bounded()
    except Exception:  # the border of a topic: whatever this host has that nobody thought of
        log.exception("What this PC says about its %s could not be read", topic)
        return Sheet(topic, {}, dict.fromkeys(NAMES[topic], "unreadable"))
