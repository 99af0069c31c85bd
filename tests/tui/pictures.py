"""The pictures of docs/pictures: screens of a living demo, drawn cell by cell. `python -m tests.tui.pictures`

It takes minutes, and needs Chromium and fonts with Chinese: apt-get install -y chromium fonts-noto-cjk fonts-dejavu.
Look at what it made.
"""

import asyncio
import html
import shutil
import ssl
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright
from rich.cells import cell_len
from textual.pilot import Pilot

from tui.app import ConsoleApp
from tui.client import Client
from tui.demo.processes import programs
from tui.demo.run import Living, begin, live
from tui.settings import Settings
from tui.texts import speak

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
COLUMNS, ROWS = 120, 34
WIDE, HIGH = 10, 21  # pixels of a cell
GROWN = 90.0  # seconds the bank lives before: so something has happened
PAGE = """<body style="margin:0;background:#000;font:16.6px 'DejaVu Sans Mono','Noto Sans Mono CJK SC',monospace">
<style>i{{position:absolute;height:{high}px;line-height:{high}px;font-style:normal;white-space:pre;overflow:hidden}}</style>
{cells}</body>"""


def drawn(app: ConsoleApp) -> str:
    """The screen as a page: each letter in its own cell, so no font moves a column."""
    cells = []
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for text, style, _control in strip:
            front, back = "#ddd", "#000"
            if style is not None and style.color is not None:
                front = style.color.get_truecolor().hex
            if style is not None and style.bgcolor is not None:
                back = style.bgcolor.get_truecolor(foreground=False).hex
            if style is not None and style.reverse:
                front, back = back, front
            bold = "font-weight:bold;" if style is not None and style.bold else ""
            for letter in text:
                width = cell_len(letter)
                place = f"left:{x * WIDE}px;top:{y * HIGH}px;width:{width * WIDE}px"
                cells.append(f'<i style="{place};{bold}color:{front};background:{back}">{html.escape(letter)}</i>')
                x += width
    return PAGE.format(high=HIGH, cells="".join(cells))


async def seen(pilot: Pilot[Any], words: str) -> None:
    """Until all of `words`, divided by blanks, are on the screen."""
    async with asyncio.timeout(120):
        while True:
            await pilot.pause(0.2)
            shown = "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
            if all(word in shown for word in words.split()):
                return


async def picture(page: Page, bank: Living, token: str, name: str, opens: str, words: str) -> None:
    trust = ssl.create_default_context(cafile=str(bank.ca))
    app = ConsoleApp(Settings(server=bank.url), token=token, ascii_marks=False, local=None, trust=trust)
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        await seen(pilot, "数据更新于")
        if opens:
            app.open(opens)
        await seen(pilot, words)
        await pilot.pause(1.0)
        await page.set_content(drawn(app))
    await page.screenshot(path=PICTURES / f"{name}.png")


async def branch_token(bank: Living) -> str:
    """Of the first person of a branch, who chooses a password of their own."""
    login, once = list(bank.logins.items())[1]
    async with Client(bank.url, trust=ssl.create_default_context(cafile=str(bank.ca))) as client:
        await client.sign_in(login, once)
        await client.change_password(once, "correct-horse-9")
        await client.sign_in(login, "correct-horse-9")
        return client.token or ""


async def pictures(bank: Living) -> None:
    async with async_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": COLUMNS * WIDE, "height": ROWS * HIGH})
        await picture(page, bank, bank.token, "home-head", "", "网点 事件 下发 有效数据覆盖")
        await picture(page, bank, bank.token, "devices", "devices", "有效数据覆盖 正常")
        await picture(page, bank, bank.token, "position", "devices/1001/atm-1", "现状 原始数据 自")
        await picture(page, bank, await branch_token(bank), "home-branch", "", "全部设备 报修")
        await browser.close()


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


def main() -> None:
    speak("zh")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with programs(place, {"BRANCHFLEET_HOME": str(place / "server"), "PYTHONUNBUFFERED": "1"}) as started:
            bank = asyncio.run(begin(started, place, _say))
            end = threading.Event()
            with ThreadPoolExecutor(1) as pool:
                living = pool.submit(live, started, bank, end)
                try:
                    end.wait(GROWN)
                    asyncio.run(pictures(bank))
                finally:
                    end.set()
                living.result()


if __name__ == "__main__":
    main()
