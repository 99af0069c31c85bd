"""The long proofs: `python -m tests.faults NAME`. docs/faults.md tells of each."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults import count as counting
from tests.faults import fast, full, kills, order, outage, servers, weather
from tests.faults.count import Count


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--home", type=Path, help="an empty folder to work in and to leave as it is at the end")
    proofs = parser.add_subparsers(dest="proof", required=True)
    killing = proofs.add_parser("kills", help="kill -9 of server and agent")
    killing.add_argument("--times", type=int, default=200)
    killing.add_argument("--between", type=int, default=50, help="go on until so many fell between write and ack")
    killing.add_argument("--seed", type=int, default=1)
    out = proofs.add_parser("outage", help="the line of a branch is cut for hours of a fast clock")
    out.add_argument("--hours", type=float, default=25.0)
    out.add_argument("--speed", type=int, default=100, help="how many times as fast every clock runs")
    out.add_argument("--around", type=float, default=outage.AROUND, help="seconds all is well before and after")
    out.add_argument("--interval", type=float, default=120.0, help="seconds between two polls of a position")
    out.add_argument("--json", action="store_true", help="print JSON, for programs")
    ordering = proofs.add_parser("order", help="strace: nothing is sent before it is durable")
    ordering.add_argument("--acks", type=int, default=100)
    bad = proofs.add_parser("weather", help="packets lost, delay, half open lines, portals; root, iproute2, nftables")
    bad.add_argument("--seconds", type=float, default=30.0, help="each kind of weather lasts")
    filling = proofs.add_parser("full", help="full disks of server and agent; root")
    filling.add_argument("--seconds", type=float, default=30.0, help="each lasts")
    three = proofs.add_parser("servers", help="three servers on one PostgreSQL behind nginx, killed in turn")
    three.add_argument("--database", required=True, help="an empty one: postgresql+psycopg://user@/name?host=/folder")
    three.add_argument("--kills", type=int, default=20)
    said = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="branchfleet-faults-") as temporary:
        if said.proof == "outage" and not fast.is_fast():
            return fast.again(Path(temporary), said.speed, list(arguments))
        return PROOFS[said.proof](said, said.home or Path(temporary))


def kill(said: argparse.Namespace, home: Path) -> int:
    phases, counted = kills.run(home, said.times, said.between, said.seed)
    most = max(phases.values(), default=1)
    lines = [f"{number:4}  {phase:66} {'#' * round(40 * number / most)}" for phase, number in sorted(phases.items())]
    return tell(lines, counted)


def cut(said: argparse.Namespace, home: Path) -> int:
    found = outage.run(home, said.hours, said.around, said.interval)
    if said.json:
        print(json.dumps(asdict(found)))  # noqa: T201
        return 0 if found.counted.whole else 1
    return tell(outage.say(found), found.counted)


def trace(said: argparse.Namespace, home: Path) -> int:
    found, counted = order.run(home, said.acks)
    return tell(order.say(found), counted) or int(not found.ordered)


def live_through(said: argparse.Namespace, home: Path) -> int:
    found = weather.run(home, said.seconds)
    return tell(weather.say(found), found.counted)


def fill(said: argparse.Namespace, home: Path) -> int:
    found = full.run(home, said.seconds)
    return tell(full.say(found), found.counted)


def outlive(said: argparse.Namespace, home: Path) -> int:
    found = servers.run(home, said.database, said.kills)
    return tell(servers.say(found), found.counted)


def tell(lines: Iterable[str], counted: Count) -> int:
    print("\n".join([*lines, *counting.say(counted)]))  # noqa: T201
    return 0 if counted.whole else 1


PROOFS: dict[str, Callable[[argparse.Namespace, Path], int]] = {
    "full": fill,
    "servers": outlive,
    "kills": kill,
    "outage": cut,
    "order": trace,
    "weather": live_through,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
