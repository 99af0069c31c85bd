"""Fuzz ingest: `python -m tests.fuzz --inputs 1000000 --seed 1`, and with --whole through the whole application.

Prints figures as JSON. Findings are written into a folder, and the command ends with 1 if there were any. With
--keep, the smallest input of every outcome that `corpus/` lacks is put there.
"""

import argparse
import asyncio
import collections
import hashlib
import json
import logging
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.fuzz.ingest import Heard, Outcome, Pipe, Whole, database
from tests.fuzz.mutate import CORPUS, Input, corpus, inputs, name_of

GROUP = 64
LIFE = 10_000  # inputs one database lives for, so that the disk does not fill


class Account:
    """What was seen."""

    def __init__(self, findings: Path) -> None:
        self._folder = findings
        self.count = 0
        self.statuses: collections.Counter[int] = collections.Counter()
        self.findings: collections.Counter[str] = collections.Counter()
        self.smallest: dict[tuple[int, str], Input] = {}

    def note(self, one: Input, seen: Outcome) -> None:
        self.count += 1
        self.statuses[seen.status] += 1
        kind = (seen.status, seen.said)
        if kind not in self.smallest or len(one.body) < len(self.smallest[kind].body):
            self.smallest[kind] = one
        if seen.finding:
            self.findings[seen.finding[:100]] += 1
            self._folder.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(one.body).hexdigest()[:12] + name_of(one)
            (self._folder / name).write_bytes(one.body)


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--inputs", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--whole", action="store_true", help="through the whole application")
    asked.add_argument("--reader", action="store_true", help="open the batches only")
    asked.add_argument("--keep", action="store_true", help="keep the smallest input of every new outcome")
    asked.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    asked.add_argument("--progress", action="store_true")
    said = asked.parse_args()
    heard = Heard()
    logging.getLogger("server").addHandler(heard)
    account = Account(said.findings)
    began = time.monotonic()
    stream = islice(inputs(said.seed), said.inputs)
    slowest = 0.0
    for _ in range(0, said.inputs, LIFE):
        life = islice(stream, LIFE)
        with tempfile.TemporaryDirectory(prefix="bf-fuzz-") as folder, database(Path(folder)) as made:
            if said.whole:
                asyncio.run(_whole(Whole(made), life, account))
            else:
                with Pipe(made) as pipe:
                    for group in _groups(life):
                        for one, seen in zip(group, (pipe.read if said.reader else pipe.take)(group), strict=True):
                            account.note(one, seen)
                    slowest = max(slowest, pipe.slowest)
                    pipe.judge()
        if said.progress:
            print(account.count, round(time.monotonic() - began), dict(account.findings), flush=True)
    figures = {
        "inputs": account.count,
        "seed": said.seed,
        "seconds": round(time.monotonic() - began),
        "statuses": {str(key): count for key, count in sorted(account.statuses.items())},
        "outcomes": len(account.smallest),
        "slowest to open, CPU s": round(slowest, 3),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "findings": dict(account.findings),
        "errors logged": sorted(set(heard.said))[:20],
    }
    print(json.dumps(figures, ensure_ascii=False, indent=1))
    if said.keep:
        _keep(account)
    return int(bool(account.findings or heard.said))


async def _whole(whole: Whole, life: Iterator[Input], account: Account) -> None:
    async with whole:
        for group in _groups(life):
            for one, seen in zip(group, await whole.take(group), strict=True):
                account.note(one, seen)


def _groups(life: Iterator[Input]) -> Iterator[list[Input]]:
    while group := list(islice(life, GROUP)):
        yield group


def _keep(account: Account) -> None:
    """Into the corpus, what it lacks; nothing large."""
    with tempfile.TemporaryDirectory(prefix="bf-fuzz-") as folder, database(Path(folder)) as made, Pipe(made) as pipe:
        known = {(seen.status, seen.said) for one in corpus() for seen in pipe.take([one])}
    for kind, one in sorted(account.smallest.items()):
        if kind not in known and len(one.body) < 4096:
            name = hashlib.sha256(one.body).hexdigest()[:12] + name_of(one)
            (CORPUS / f"{kind[0]}-{name}").write_bytes(one.body)


if __name__ == "__main__":
    raise SystemExit(main())
