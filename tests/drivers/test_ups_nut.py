"""The Network UPS Tools read our simulated UPS, and our driver reads it too: they must not disagree.

Their driver runs in a folder of its own and prints what it read (`-d 1`); no server of theirs is started, and nothing
under /etc is read. Of a failed UPS their driver (2.8.0) prints no word, so that bit is not compared; nor is the battery
of an on-line UPS, whose cells their driver tries to count by guessing.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, Reading

INSTALL = "apt-get install -y nut-server"
PLACES = ("/lib/nut", "/usr/lib/nut", "/usr/libexec/nut", "/usr/local/ups/bin")

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
Ask = Callable[[str], Awaitable[dict[str, str]]]

OURS = {  # what they call what we read
    "input.voltage": "input.voltage",
    "output.voltage": "output.voltage",
    "load": "ups.load",
    "input.frequency": "input.frequency",
    "ups.temperature": "ups.temperature",
}


@pytest.fixture
def nut(tmp_path: Path) -> Ask:
    """`await nut(port)` -> what their driver read there, by their names."""
    program = shutil.which("nutdrv_qx", path=os.pathsep.join(PLACES))
    if program is None:
        pytest.skip(f"tests against the Network UPS Tools need: {INSTALL}")
    folder = tmp_path / "nut"
    folder.mkdir()
    environment = {**os.environ, **dict.fromkeys(("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"), str(folder))}

    async def ask(port: str) -> dict[str, str]:
        device = await asyncio.to_thread(os.path.realpath, port)
        settings = ("-s", "ups", "-x", f"port={device}", "-x", "protocol=megatec", "-u", "root", "-d", "1")
        running = await asyncio.create_subprocess_exec(
            program, *settings, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            printed, _ = await asyncio.wait_for(running.communicate(), 60)
        finally:
            if running.returncode is None:
                running.kill()
        assert running.returncode == 0, printed.decode()
        return dict(line.split(": ", 1) for line in printed.decode().splitlines() if ": " in line)

    return ask


@pytest.mark.parametrize(
    ("kind", "state", "status"),
    [
        ("online", {}, "OL"),
        ("online", {"power": "bypass"}, "OL BYPASS"),
        ("online", {"power": "battery", "battery": "low", "load": "63"}, "OB LB"),
        ("line-interactive", {"input.voltage": "187.4", "ups.temperature": "41.5"}, "OL"),
        ("line-interactive", {"power": "battery", "battery.voltage": "24.1"}, "OB"),
        ("line-interactive", {"power": "bypass"}, "OL BYPASS"),
    ],
)
async def test_we_read_what_the_network_ups_tools_read(
    kind: str, state: dict[str, str], status: str, start: Start, driver: Make, poll: Poll, nut: Ask
) -> None:
    _, port = await start("ups/megatec", {"type": kind, "ratings": "220.0 005 024.0 50.0"}, state)
    theirs = await nut(port)
    reading = await poll(driver("ups/megatec", port))
    assert {key: float(theirs[name]) for key, name in OURS.items()} == {key: reading.numbers[key] for key in OURS}
    assert set(theirs["ups.status"].split()) == _status(reading) == set(status.split())
    assert (theirs["ups.type"] == "online") == ("battery.cell.voltage" in reading.numbers) == (kind == "online")
    if kind == "line-interactive":
        assert float(theirs["battery.voltage"]) == reading.numbers["battery.voltage"]
    assert theirs["device.mfr"] == reading.identity["maker"]
    assert theirs["device.model"] == reading.identity["model"]
    assert theirs["ups.firmware"] == reading.identity["firmware"]


def _status(reading: Reading) -> set[str]:
    """Our parts in their words."""
    words = {
        "OL": reading.parts["power"] in ("mains", "bypass"),
        "OB": reading.parts["power"] == "battery",
        "BYPASS": reading.parts["power"] == "bypass",
        "LB": reading.parts["battery"] == "low",
    }
    return {word for word, meant in words.items() if meant}
