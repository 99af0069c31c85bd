"""Sticks and strangers on screens and by the commands: what was put in, who is on the wire, and how much is known."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from agent.wire import Event, EventName, Fact
from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.home_head import HeadHome
from tui.screens.media import Sightings, Sticks
from tui.screens.network import Network

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]
HOSTILE = "[/x]\x1b[2J坏"
MAC = "00:1b:21:0a:00:05"


def put_in(bank: Any, serial: str, way: str = "in") -> Event:
    detail: dict[str, str | int] = {
        "way": way,
        "serial": serial,
        "vendor": "Kingston",
        "model": HOSTILE,
        "bytes": 15_472_047_104,
    }
    return Event(seq=bank._next(), clock=bank._clock(0), name=EventName.MEDIA, detail=detail)


def told(bank: Any, topic: str, *lines: str) -> Fact:
    return Fact(seq=bank._next(), clock=bank._clock(0), host="PC", topic=topic, facts={topic: list(lines)})


def furnished(bank: Any, token: str) -> None:
    bank.post(token, "/api/media", {"serial": "AAA111", "label": "U-001", "branch": "1001", "keeper": "王小兰"})
    bank.tell(
        put_in(bank, "aaa111"),
        put_in(bank, "STRANGE", "found"),
        told(bank, "neighbours", f"10.1.1.5 {MAC} eth0", "10.1.1.1 00:00:5e:00:01:0a eth0"),
    )
    bank.until(lambda: bank.ask(token, "/api/media/sightings")["total"] == 2)


async def test_a_person_finds_what_was_put_in_and_whose_it_is(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    token = bank.token("li", Role.HEAD)
    furnished(bank, token)
    async with console(token).run_test(size=(120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await until(pilot, lambda: isinstance(app.screen, HeadHome))
        app.open("media")
        await until(pilot, lambda: isinstance(app.screen, Sticks) and "U-001" in text(pilot))
        assert "1 个采集程序中 1 个报告过移动介质" in text(pilot)
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, Sightings) and "STRANGE" in text(pilot))
        seen = text(pilot)
        assert ("未登记" in seen, "本行登记" in seen, "启动时已插入" in seen, "\x1b" in seen) == (
            True,
            True,
            True,
            False,
        )
        await pilot.press("2")
        await until(pilot, lambda: "1 条出现记录" in text(pilot))
        assert "本行登记" not in text(pilot)
        app.open("network")
        await until(pilot, lambda: isinstance(app.screen, Network) and MAC in text(pilot))
        assert "3 个网点中 1 个有数据" in text(pilot)
        assert ("不在册 1" in text(pilot), "共享MAC 1" in text(pilot)) == (True, True)
        await pilot.press("2")
        await until(pilot, lambda: "无人查看" in text(pilot))
        await pilot.press("3")
        await until(pilot, lambda: "杀毒未知 1" in text(pilot))


def test_the_commands_say_the_same_and_refuse_in_one_sentence(bank: Any, run: Any, tmp_path: Any) -> None:
    token = bank.token("li", Role.HEAD)
    furnished(bank, token)
    seen = run("media", "sightings", "--odd", token=token)
    assert (seen.returncode, b"STRANGE" in seen.stdout, b"aaa111" in seen.stdout) == (0, True, False)
    assert (b"\x1b" in seen.stdout, "1 个采集程序中 1 个".encode() in seen.stderr) == (False, True)
    lent = run("media", "lend", "U-001", "--to", "李四", "--due", "2099-12-31", token=token)
    assert (lent.returncode, "领用".encode() in lent.stdout) == (0, True)
    wrong = run("media", "lend", "U-001", "--to", "李四", "--due", "morgen", token=token)
    assert (wrong.returncode, len(wrong.stderr.decode().strip().splitlines())) == (2, 1)
    found = run("network", "strangers", token=token)
    assert (MAC.encode() in found.stdout, "3 个网点中 1 个有数据".encode() in found.stderr) == (True, True)
    told = run("network", "coverage", token=token)
    assert b"centre" in told.stdout
    file = tmp_path / "wire.xlsx"
    assert run("network", "export", "-o", str(file), token=token).returncode == 0
    assert file.read_bytes().startswith(b"PK")
    again = run("network", "export", "-o", str(file), token=token)
    assert (again.returncode, len(again.stderr.decode().strip().splitlines())) == (9, 1)
