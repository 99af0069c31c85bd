"""One poll for the person at the device: which position, from where it is known, and what it says."""

import asyncio
import difflib
import sys
import time
from collections.abc import Callable, Iterable
from getpass import getpass
from pathlib import Path
from typing import Any

from agent.assignment import load, make_target
from agent.exit import Exit, Trouble
from agent.poll import Poller, Seen
from agent.secrets import of_this_run
from agent.texts import _
from agent.tidy import tidy_text
from agent.wire import Polled
from drivers.base import Shared

LINE_DRIVER = "reach"
SECRET = "secret:"  # noqa: S105  (what a reference to one begins with)

AskSecret = Callable[[str], str]


def from_assignment(home: Path, position: str) -> Polled:
    """The position as the server last told this agent."""
    assignment = load(home)
    if assignment is None:
        raise Trouble(
            Exit.NOT_SET_UP,
            f"No assignment is kept in {home}: run the agent once, or name an inventory with --inventory PATH.",
            f"{home} 里还没有服务器分配的点位：先运行一次采集程序，或用 --inventory 指定配置清单。",
        )
    return _pick(position, {polled.position: polled for polled in assignment.polled})


def from_inventory(path: Path, position: str, ask_secret: AskSecret) -> Polled:
    """The position as an inventory file says, with no server at all. Secrets are asked for."""
    from agent.inventory.read import InventoryError, read_inventory

    try:
        inventory = read_inventory(path)
    except InventoryError as error:
        raise Trouble(Exit.BAD_INPUT, error.say(_)) from error
    found: dict[str, Polled] = {}
    for one in inventory.position:
        if one.driver is not None:
            key = f"{one.branch}/{one.key}"
            found[key] = Polled(
                position=key, name=one.name, driver=one.driver, address=one.address, options=one.options, interval=0.0
            )
    for line in inventory.line:
        if line.probe:
            key = f"{line.branch}/line/{line.key}"
            found[key] = Polled(
                position=key, name=line.name, driver=LINE_DRIVER, address=line.probe, options=line.options, interval=0.0
            )
    polled = _pick(position, found)
    return Polled(
        position=polled.position,
        name=polled.name,
        driver=polled.driver,
        address=polled.address,
        options=_filled(polled.options, ask_secret),
        interval=polled.interval,
    )


def _pick(position: str, known: dict[str, Polled]) -> Polled:
    if position in known:
        return known[position]
    wrong, near = tidy_text(position, 80), _nearest(position, known)
    raise Trouble(
        Exit.NOT_FOUND,
        f'There is no polled position "{wrong}"' + (f'; did you mean "{near}"?' if near else "."),
        f"没有“{wrong}”这个采集点位" + (f"，是不是“{near}”？" if near else "。"),
    )


def _nearest(wrong: str, right: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(wrong, list(right), n=1, cutoff=0.5)), "")


def _filled(options: Any, ask_secret: AskSecret) -> Any:
    if isinstance(options, dict):
        return {key: _filled(value, ask_secret) for key, value in options.items()}
    if isinstance(options, list):
        return [_filled(value, ask_secret) for value in options]
    if isinstance(options, str) and options.startswith(SECRET):
        return ask_secret(options.removeprefix(SECRET))
    return options


def ask_person(name: str) -> str:
    """The secret called `name`: typed unseen at a terminal, else the next line of standard input."""
    said = getpass(f"{name}: ") if sys.stdin.isatty() else _next_line(name)
    of_this_run().learn(said)
    return said


def _next_line(name: str) -> str:
    line = sys.stdin.readline()
    if not line:
        raise Trouble(
            Exit.NOT_SET_UP,
            f'The secret "{name}" is needed: type it, or give it as a line of standard input.',
            f"需要口令“{name}”：请输入，或从标准输入给出一行。",
        )
    return line.rstrip("\r\n")


def poll_once(polled: Polled) -> tuple[Seen, int]:
    """One poll, and how many ms it took."""

    async def main() -> tuple[Seen, int]:
        shared = Shared()
        try:
            target = make_target(polled, shared)
            began = time.monotonic()
            seen = await Poller().poll(target)
            return seen, round((time.monotonic() - began) * 1000)
        finally:
            await shared.close()

    return asyncio.run(main())
