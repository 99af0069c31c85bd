"""What `branchfleet demo` does around the run: where it lives, who watches, what it says at its end."""

import asyncio
import json
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from tui.demo.processes import DidNotWork, Programs, programs
from tui.demo.run import Living, account, begin, live
from tui.exit import Exit
from tui.failures import ClientError
from tui.texts import _

UNWATCHED_SECONDS = 60.0  # without a terminal, and without --seconds, it lives so long

# opens at a server's address, with its CA and a token, and returns when the person leaves
Console = Callable[[str, str, str], None]


def run_demo(home: Path | None, seconds: float | None, as_json: bool, console: Console | None) -> Exit:
    """A bank lives while `console` is open, or for `seconds`; then everything it started is ended."""
    with ExitStack() as stack:
        stack.enter_context(_ended_in_order())
        place = home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="branchfleet-demo-")))
        try:
            place.mkdir(parents=True, exist_ok=True)
            empty = not any(place.iterdir())
        except OSError as error:
            _say(f"{place}: {_(error.strerror or '')}")
            return Exit.CANNOT_WRITE
        if not empty:
            _say(_("{home} is not empty; name a new folder.").format(home=place))
            return Exit.BAD_FILE
        environment = {"BRANCHFLEET_HOME": str(place / "server"), "PYTHONUNBUFFERED": "1"}
        started = stack.enter_context(programs(place, environment))
        try:
            bank = asyncio.run(begin(started, place, _say))
            if console is not None:
                _watch(started, bank, console)
                return Exit.DONE
            live(started, bank, threading.Event(), seconds or UNWATCHED_SECONDS)
            _say(_("Ending the agents and counting"))
            outcome = asdict(asyncio.run(account(started, bank)))
        except (DidNotWork, ClientError) as error:
            _say(str(error))
            return Exit.DEFECT
    if as_json:
        print(json.dumps(outcome))
    else:
        for name, figure in outcome.items():
            print(f"{name:14}{figure:>8}")
    return Exit.DEFECT if outcome["lost"] else Exit.DONE


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """A closed terminal or a SIGTERM ends the demo as leaving the console does: nothing it started stays behind."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(started: Programs, bank: Living, console: Console) -> None:
    """The console, while the bank lives on in a thread of its own."""
    _say(
        _("In another terminal: branchfleet --server {url} --ca {ca}, as one of these").format(url=bank.url, ca=bank.ca)
    )
    for login, password in bank.logins.items():
        _say(f"  {login}  {password}")
    end = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        living = pool.submit(live, started, bank, end)
        try:
            console(bank.url, str(bank.ca), bank.token)
        finally:
            end.set()
        living.result()


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
