"""What is installed, by the PC's own list of packages: each a name, a tab and a version."""

from pathlib import Path
from typing import Final

from agent.facts.files import ROOT
from agent.facts.programs import ask
from agent.facts.sheet import TEXT, NotRead, Sheet
from agent.facts.updates import source_of

BYTES: Final = 48 << 10  # of the list in a record
ASKED: Final = {
    "dpkg": ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n"),
    "rpm": ("rpm", "-qa", "--qf", "ii \t%{NAME}\t%{EPOCH}:%{VERSION}-%{RELEASE}\n"),
}


def software(root: Path = ROOT) -> Sheet:
    sheet = Sheet("software")

    def take() -> dict[str, int | list[str]]:
        source = source_of(root)
        if source is None:
            raise NotRead("absent")
        said = ask(root, *ASKED[source])
        lines = [line.split("\t") for line in said.text.splitlines() if line.startswith("ii")]
        if said.code or not lines or any(len(line) != 3 for line in lines):
            raise NotRead("unreadable", said.text)
        return packed(sorted({f"{name}\t{version.removeprefix('(none):')}" for _, name, version in lines}))

    sheet.take("software", take)
    return sheet


def packed(found: list[str]) -> dict[str, int | list[str]]:
    """As many as there is room for."""
    left, kept = BYTES, []
    for one in found:
        one = one[:TEXT]
        left -= len(one.encode()) + 5
        if left < 0:
            break
        kept.append(one)
    return {"software": kept, "software.count": len(found), "software.left_out": len(found) - len(kept)}
