"""Licences on screens and by the commands: bought against installed, the hosts behind a figure, the register."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from agent.wire import Fact
from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.home_head import HeadHome
from tui.screens.licences import Installs, Licences, Register

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


def told(bank: Any, topic: str, **facts: Any) -> Fact:
    said = {name.replace("__", "."): value for name, value in facts.items()}
    return Fact(seq=bank._next(), clock=bank._clock(0), host="PC", topic=topic, facts=said)


def furnished(bank: Any, token: str) -> None:
    bought = {"bought_on": "2020-01-01", "contract": "HT-9", "keeper": "王小兰", "key_at": "保险柜二层"}
    for code, product, seats in (("ZB-1", "winrar", 2), ("ZB-2", "windows-10-pro", 5)):
        bank.post(token, "/api/licences", {"code": code, "product": product, "seats": seats, **bought})
    bank.tell(
        told(bank, "software", software=["WinRAR [/x]\x1b[2J\t6", "Navicat 16"], software__left_out=0),
        told(bank, "host", os__family="win32", os__name="Windows 10 Pro", os__edition="Professional"),
        told(bank, "policy", licence="grace"),
    )
    bank.until(lambda: bank.ask(token, "/api/licences")["rows"][0]["product"] == "navicat")
    bank.until(lambda: any(row["grace"] for row in bank.ask(token, "/api/licences")["rows"]))


async def test_a_person_enters_a_figure_and_sees_its_hosts(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    token = bank.token("li", Role.HEAD)
    furnished(bank, token)
    async with console(token).run_test(size=(120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await until(pilot, lambda: isinstance(app.screen, HeadHome))
        app.open("licences")
        await until(pilot, lambda: isinstance(app.screen, Licences) and "WinRAR" in text(pilot))
        seen = text(pilot)
        for words in ("台在 30 天内报告了全部软件", "未购买", "未激活", "已购", "富余", "未核查"):
            assert words in seen, words
        assert seen.index("Navicat") < seen.index("Windows 10")  # what is over comes first
        await pilot.press("down", "2")
        await until(pilot, lambda: isinstance(app.screen, Installs) and "宽限期" in text(pilot))
        assert "Windows 10 Pro" in text(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "宽限期 1" in text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Licences))
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, Register) and "ZB-2" in text(pilot))
        assert ("保险柜二层" in text(pilot), "永久" in text(pilot)) == (True, True)


def test_the_commands_say_the_same_and_refuse_in_one_sentence(bank: Any, run: Any, tmp_path: Any) -> None:
    token = bank.token("li", Role.HEAD)
    furnished(bank, token)
    seen = run("licences", "list", token=token)
    assert (seen.returncode, b"winrar" in seen.stdout, "全部软件".encode() in seen.stderr) == (0, True, True)
    hosts = run("licences", "hosts", "winrar", token=token)
    assert (b"centre" in hosts.stdout, b"\x1b" in hosts.stdout) == (True, False)
    made = run(
        "licences", "register", "ZB-3", "--product", "Navicat", "--seats", "1", "--bought", "2024-02-30", token=token
    )
    assert (made.returncode, len(made.stderr.decode().strip().splitlines())) == (2, 1)
    made = run(
        "licences", "register", "ZB-3", "--product", "Navicat", "--seats", "1", "--bought", "2024-02-29", token=token
    )
    assert (made.returncode, b"ZB-3" in made.stdout) == (0, True)
    key = run("licences", "change", "ZB-3", "--note", "VK7JG-NPHTM-C97JM-9MPGT-3V66T", token=token)
    assert (key.returncode != 0, "密钥".encode() in key.stderr) == (True, True)
    for word in (("hosts", "winrar", "--word", "stolen"), ("change", "ZB-3", "--seats", "0")):
        wrong = run("licences", *word, token=token)
        assert (wrong.returncode, len(wrong.stderr.decode().strip().splitlines())) == (2, 1)
    bought = run("licences", "bought", token=token)
    assert bought.stdout.count("永久".encode()) == 3
    file = tmp_path / "licences.xlsx"
    assert run("licences", "export", "-o", str(file), token=token).returncode == 0
    assert file.read_bytes().startswith(b"PK")
