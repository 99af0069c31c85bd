"""What the PC of an agent said of itself, in words: each line a name and a value."""

from server.schemas.facts import FactsOut
from tui.texts import _
from tui.words.times import ago, full

GIGA = 1 << 30
DISKS = 26
HASH = 12  # characters of a script's, as far as people compare it
ADDRESSES = 8  # in a line


def age(told: FactsOut, now: int) -> str:
    """When it said so; old is never said without its word."""
    if told.at is None:
        return _("Its PC never said what it is: branchfleet push facts {agent} asks it.").format(agent=told.agent)
    if told.old:
        return _("old, {ago}: may be otherwise by now").format(ago=ago(told.at, now))
    return ago(told.at, now)


def pairs(told: FactsOut) -> list[tuple[str, str]]:
    """What is known of it; what its PC did not say is left out."""
    facts = _Facts(told)
    shown = [
        (_("Host"), facts.text("host.name", "host.domain") or told.host),
        (_("System"), facts.text("os.name", "os.edition", "os.version")),
        (_("Build"), facts.text("os.build")),
        (_("Maker and model"), facts.text("machine.maker", "machine.model")),
        (_("Processor"), facts.text("cpu.name", "arch")),
        (_("Memory"), facts.room("memory")),
        *facts.disks(),
        (_("Addresses"), facts.listed("addresses")),
        (_("Started on"), facts.moment("boot.at")),
        (_("Time zone"), facts.text("timezone")),
        (_("Agent"), facts.text("agent.version")),
        (_("Script"), facts.script()),
    ]
    return [(name, value) for name, value in shown if value]


class _Facts:
    """Facts by their names; a PC may say anything, and what is of another kind than it should be was not said."""

    def __init__(self, told: FactsOut) -> None:
        self._facts = told.facts

    def text(self, *names: str) -> str:
        said = [value for name in names if isinstance(value := self._facts.get(name), str) and value]
        return " ".join(value for at, value in enumerate(said) if not any(value in before for before in said[:at]))

    def script(self) -> str:
        name, sha256 = self.text("script.name"), self.text("script.sha256")
        return f"{name} SHA256 {sha256[:HASH]}…" if name and sha256 else name

    def room(self, what: str) -> str:
        size, free = self._number(f"{what}.bytes"), self._number(f"{what}.free")
        if size is None:
            return ""
        whole = f"{size / GIGA:,.1f} GB"
        if free is None:
            return whole
        return _("{free} of {size} free").format(free=f"{free / GIGA:,.1f}", size=whole)

    def disks(self) -> list[tuple[str, str]]:
        paths = ((self.text(f"disk.{number}.path"), f"disk.{number}") for number in range(1, DISKS + 1))
        return [(_("Disk {path}").format(path=path), self.room(disk)) for path, disk in paths if path]

    def listed(self, name: str) -> str:
        value = self._facts.get(name)
        if not isinstance(value, list):
            return ""
        more = f" … {len(value)}" if len(value) > ADDRESSES else ""
        return ", ".join(value[:ADDRESSES]) + more

    def moment(self, name: str) -> str:
        at = self._number(name)
        try:
            return full(at) if at is not None else ""
        except (ValueError, OverflowError, OSError):  # no time a calendar has
            return ""

    def _number(self, name: str) -> int | None:
        value = self._facts.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None
