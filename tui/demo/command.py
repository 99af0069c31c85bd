"""`branchfleet demo`: the command's words around the run."""

import asyncio
import json
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tui.app import ConsoleApp
from tui.demo.processes import DidNotWork, Programs, programs
from tui.demo.run import Living, account, begin, live
from tui.exit import Exit
from tui.settings import Settings, load
from tui.texts import _, speak

UNWATCHED_SECONDS = 60.0  # without a terminal, and without --seconds, it lives so long


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="No console: live a while, then count and end.")] = False,
    seconds: Annotated[float | None, typer.Option(min=1.0, help="How long a headless demo lives (60).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as one JSON object.")] = False,
    home: Annotated[Path | None, typer.Option(help="An empty folder to live in, kept; else one thrown away.")] = None,
    lang: Annotated[str | None, typer.Option(help="zh or en.")] = None,
) -> None:
    """Watch an invented bank live: simulators, server, four agents and the console, on this machine alone.

    Without a terminal it lives 60 seconds, prints an account and ends.

    Example: branchfleet demo
    Example: branchfleet demo --headless --seconds 30 --json
    """
    settings = load({"lang": lang})
    speak(settings.lang)
    headless = headless or seconds is not None or not (sys.stdin.isatty() and sys.stdout.isatty())
    with ExitStack() as stack:
        place = home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="branchfleet-demo-")))
        if place.exists() and any(place.iterdir()):
            _say(_("{home} is not empty; name a new folder.").format(home=place))
            raise typer.Exit(Exit.BAD_FILE)
        place.mkdir(parents=True, exist_ok=True)
        started = stack.enter_context(
            programs(place, {"BRANCHFLEET_HOME": str(place / "server"), "PYTHONUNBUFFERED": "1"})
        )
        try:
            demo_bank = asyncio.run(begin(started, place, _say))
            if not headless:
                _watch(started, demo_bank, settings)
                return
            live(started, demo_bank, threading.Event(), seconds or UNWATCHED_SECONDS)
            outcome = asyncio.run(account(started, demo_bank))
        except DidNotWork as error:
            _say(str(error))
            raise typer.Exit(Exit.DEFECT) from None
    if as_json:
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
    else:
        for name, figure in asdict(outcome).items():
            sys.stdout.write(f"{name:14}{figure:>8}\n")
    if outcome.lost:
        raise typer.Exit(Exit.DEFECT)


def _watch(started: Programs, bank: Living, settings: Settings) -> None:
    """The console, while the bank lives on in a thread of its own."""
    for login, password in bank.logins.items():
        _say(f"  {login}: {password}")
    end = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        living = pool.submit(live, started, bank, end)
        try:
            ConsoleApp(settings.model_copy(update={"server": bank.url}), token=bank.token).run()
        finally:
            end.set()
        living.result()


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
