"""A branch behind a line of its own: a network namespace and a veth pair, to be cut or to lose packets."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

INSTALL = "apt-get install -y iproute2 nftables"
_NUMBERS = count()


def missing() -> str:
    """Why there can be no namespace here, with the command that helps; "" if there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root: sudo .venv/bin/pytest tests/faults"
    if not all(map(shutil.which, ("ip", "nft"))):
        return f"network namespaces need: {INSTALL}"
    return ""


class Branch:
    """`outer` is the centre's address on the line, `inner` the branch's. `words` run a program in the branch."""

    def __init__(self) -> None:
        number = next(_NUMBERS)
        self.name = f"bf{os.getpid()}-{number}"
        self._veth = f"bf{os.getpid() % 100_000}c{number}"[:15]
        third = (os.getpid() * 8 + number) % 16_000
        net = f"10.{199 + third // 4000}.{third // 16 % 250}.{third % 16 * 4}".rsplit(".", 1)
        self.outer = f"{net[0]}.{int(net[1]) + 1}"
        self.inner = f"{net[0]}.{int(net[1]) + 2}"

    @property
    def words(self) -> list[str]:
        return ["ip", "netns", "exec", self.name]

    def make(self) -> None:
        peer = f"{self._veth}i"[:15]
        _run("ip", "netns", "add", self.name)
        _run("ip", "link", "add", self._veth, "type", "veth", "peer", "name", peer, "netns", self.name)
        _run("ip", "addr", "add", f"{self.outer}/30", "dev", self._veth)
        _run("ip", "link", "set", self._veth, "up")
        _run(*self.words, "ip", "addr", "add", f"{self.inner}/30", "dev", peer)
        _run(*self.words, "ip", "link", "set", peer, "up")
        _run(*self.words, "ip", "link", "set", "lo", "up")

    def remove(self) -> None:
        for words in (("ip", "link", "del", self._veth), ("ip", "netns", "del", self.name)):
            subprocess.run(words, capture_output=True, check=False)

    def cut(self) -> None:
        """The line is dead."""
        _run("ip", "link", "set", self._veth, "down")

    def join(self) -> None:
        _run("ip", "link", "set", self._veth, "up")

    def drop(self, *, incoming: str = "", outgoing: str = "") -> None:
        """Lose packets of the branch: nft's words say which, `numgen random mod 10 < 3` or `ip protocol tcp`."""
        chains = [
            f"chain {hook} {{ type filter hook {hook} priority 0; {way} != lo {which} drop; }}"
            for hook, way, which in (("input", "iif", incoming), ("output", "oif", outgoing))
            if which
        ]
        rules = "\n".join(["flush ruleset", "table ip bad {", *chains, "}"])
        _run(*self.words, "nft", "-f", "-", stdin=rules + "\n")

    def mend(self) -> None:
        _run(*self.words, "nft", "flush", "ruleset")


def _run(*words: str, stdin: str = "") -> None:
    ran = subprocess.run(words, input=stdin.encode(), capture_output=True, check=False)
    if ran.returncode != 0:
        raise OSError(f"{' '.join(words)}: {ran.stderr.decode(errors='replace').strip()}")


@contextmanager
def branch() -> Iterator[Branch]:
    made = Branch()
    try:
        made.make()
        yield made
    finally:
        made.remove()
