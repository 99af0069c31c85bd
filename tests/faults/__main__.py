"""The long proofs: `python -m tests.faults NAME`. docs/faults.md tells of each."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults import count as counting
from tests.faults import kills


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--home", type=Path, help="an empty folder to work in and to leave as it is at the end")
    proofs = parser.add_subparsers(dest="proof", required=True)
    killing = proofs.add_parser("kills", help="kill -9 of server and agent")
    killing.add_argument("--times", type=int, default=200)
    killing.add_argument("--seed", type=int, default=1)
    said = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="branchfleet-faults-") as temporary:
        return run(said, said.home or Path(temporary))


def run(said: argparse.Namespace, home: Path) -> int:
    phases, counted = kills.run(home, said.times, said.seed)
    most = max(phases.values(), default=1)
    for phase, number in sorted(phases.items()):
        print(f"{number:4}  {phase:66} {'#' * round(40 * number / most)}")  # noqa: T201
    print("\n".join(counting.say(counted)))  # noqa: T201
    return 0 if counted.whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
