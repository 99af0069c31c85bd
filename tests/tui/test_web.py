"""The console in Chromium: drawn, typed into, and nothing asked of any other host."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx2
import pytest
from playwright.async_api import async_playwright

from server.schemas.people import Role
from tui.exit import Exit
from tui.web.names import Names, urls

CHROMIUM = Path("/usr/bin/chromium")
needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: apt-get install -y chromium")


def get(url: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    """As patient as the rest: the machine may be busy."""
    return httpx2.get(url, headers=headers, timeout=60)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def start(bank: Any, port: int, tmp_path: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "BRANCHFLEET_CONFIG": str(tmp_path),
        "BRANCHFLEET_TOKEN": bank.token(f"other-{port}", Role.HEAD),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tui", "--server", bank.url, "web", "--port", str(port), *words],
        stderr=subprocess.PIPE,
        env=environment,
    )


@contextmanager
def opened(
    bank: Any, tmp_path: Path, *words: str, at: str = "127.0.0.1"
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of `branchfleet web` that was started with `words`, and the process."""
    port = free_port()
    with start(bank, port, tmp_path, *words) as served:
        url = f"http://{at}:{port}/"
        try:
            deadline = time.monotonic() + 90
            while True:
                try:
                    get(url)
                except httpx2.TransportError:
                    assert time.monotonic() < deadline
                    assert served.poll() is None
                    time.sleep(0.05)
                else:
                    break
            yield url, served
        finally:
            served.terminate()


@pytest.fixture
def page(bank: Any, tmp_path: Path) -> Iterator[str]:
    """The address of `branchfleet web`."""
    with opened(bank, tmp_path) as (url, _served):
        yield url


@needs_chromium
async def test_a_person_signs_in_and_no_request_leaves_this_machine(bank: Any, page: str) -> None:
    password = bank.person("wang", Role.BRANCH, ["1001"])
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = await browser.new_page(viewport={"width": 1200, "height": 800})
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("websocket", lambda web_socket: asked.append(web_socket.url))
        frames: list[bytes] = []
        tab.on(
            "websocket", lambda web_socket: web_socket.on("framereceived", lambda frame: frames.append(_bytes(frame)))
        )
        await tab.goto(page)
        await tab.wait_for_selector("body.-first-byte", timeout=30_000)

        async def drawn(text: str) -> None:
            deadline = time.monotonic() + 90
            while text not in b"".join(frames).decode(errors="replace"):
                assert time.monotonic() < deadline, f"{text} was never drawn"
                await tab.wait_for_timeout(50)

        await drawn("用户名")
        await tab.keyboard.type("wang")
        await tab.keyboard.press("Enter")
        await tab.keyboard.type(password)
        await tab.keyboard.press("Enter")
        await drawn("修改密码")
        await browser.close()
    assert {urlsplit(url).hostname for url in asked if not url.startswith("data:")} == {"127.0.0.1"}
    assert any(url.startswith("ws://") for url in asked)


def _bytes(frame: bytes | str) -> bytes:
    return frame if isinstance(frame, bytes) else frame.encode()


def test_the_page_names_no_other_host_and_forbids_them(page: str) -> None:
    answer = get(page)
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    assert "//" not in answer.text.replace("ws://", "").replace("wss://", "").split("<script>")[0]


async def window(url: str, host: str, origin: str | None) -> int:
    """What a real client of WebSocket is answered: 101 where a console is opened for it."""
    headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(url + "ws?width=80&height=24", headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status


async def test_a_window_of_another_site_is_turned_away(page: str) -> None:
    own = urlsplit(page).netloc
    assert await window(page, own, page.rstrip("/")) == 101
    for origin in ("http://elsewhere.example", "null", "http://[", f"http://{own}0", None):
        assert await window(page, own, origin) == 403, origin


async def test_a_site_whose_name_was_made_to_lead_here_gets_nothing(page: str) -> None:
    """DNS rebinding: the browser asks us in good faith, and Origin and Host are both the other site's."""
    port = urlsplit(page).port
    for host in ("evil.example", "10.66.0.10", "127.0.0.1.evil.example", "[::1]", "localhost.evil.example", "a b"):
        answer = get(page, headers={"Host": f"{host}:{port}"})
        assert answer.status_code in (400, 403), host
        assert "<html" not in answer.text
        assert await window(page, f"{host}:{port}", f"http://{host}:{port}") in (400, 403), host
    assert "branchfleet web --name evil.example" in get(page, headers={"Host": "evil.example"}).text
    assert get(page, headers={"Host": f"localhost:{port}"}).status_code == 200
    assert get(page, headers={"Host": f"LOCALHOST.:{port}"}).status_code == 200
    raw = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    for said in (raw, b"GET / HTTP/1.0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port or 0), 20) as line:
            line.sendall(said)
            assert line.makefile("rb").readline().split()[1] in (b"400", b"403")


async def test_a_window_over_ipv6_and_one_behind_a_proxy_of_tls_are_let_in(bank: Any, tmp_path: Path) -> None:
    words = ("--host", "::1", "--name", "console.bank.example")
    with opened(bank, tmp_path, *words, at="[::1]") as (url, _served):
        own = urlsplit(url).netloc
        assert await window(url, own, f"http://{own}") == 101
        assert await window(url, "console.bank.example", "https://console.bank.example") == 101
        assert await window(url, "console.bank.example", "https://console.bank.example:8443") == 403


@needs_chromium
async def test_chromium_shows_no_console_to_a_site_whose_name_leads_here(page: str) -> None:
    port = urlsplit(page).port
    async with async_playwright() as playwright:
        leads = "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP other.example 127.0.0.1"
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", leads])
        tab = await browser.new_page()
        answer = await tab.goto(f"http://evil.example:{port}/")
        assert answer is not None
        assert answer.status == 403
        opened = """port => new Promise(resolve => {
            const line = new WebSocket(`ws://${location.hostname}:${port}/ws?width=80&height=24`);
            line.onopen = () => resolve("open"); line.onerror = () => resolve("refused");
        })"""
        assert await tab.evaluate(opened, port) == "refused"
        await tab.goto(page)
        assert await tab.evaluate(opened, port) == "open"
        await browser.close()


async def test_a_page_for_others_tells_addresses_that_can_be_opened_and_knows_the_names_it_was_given(
    bank: Any, tmp_path: Path
) -> None:
    words = ("--host", "0.0.0.0", "--name", "console.bank.example", "--name", "10.9.8.7")
    with opened(bank, tmp_path, *words) as (url, served):
        port = urlsplit(url).port
        for host in ("console.bank.example", "10.9.8.7", "Console.Bank.Example"):
            assert get(url, headers={"Host": host}).status_code == 200, host
            assert await window(url, host, f"https://{host}") == 101
        assert get(url, headers={"Host": "evil.example"}).status_code == 403
        assert served.stderr is not None
        told = served.stderr.readline().decode()
        assert "0.0.0.0" not in told
        shown = re.findall(r"http://[^ ，（,]+", told)
        assert f"http://127.0.0.1:{port}" in shown
        for one in shown:
            assert get(one).status_code == 200, one


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("127.0.0.1", ["http://127.0.0.1:8090"]),
        ("::1", ["http://[::1]:8090"]),
        ("console.bank.example", ["http://console.bank.example:8090"]),
    ],
)
def test_an_address_is_told_as_a_browser_takes_it(host: str, told: list[str]) -> None:
    assert urls(host, 8090) == told


def test_a_connection_over_ipv6_to_an_address_of_ipv4_is_of_that_address() -> None:
    names = Names("::")
    assert names.ours("127.0.0.1:8090", "::ffff:127.0.0.1")
    assert names.ours("[::1]:8090", "::1")
    assert not names.ours("127.0.0.1:8090", "::ffff:10.0.0.1")
    assert not names.ours("localhost:8090", "::ffff:10.0.0.1")


def test_an_address_that_is_not_of_this_machine_is_said_in_one_sentence(bank: Any, tmp_path: Path) -> None:
    for host in ("192.0.2.7", "no.such.name.invalid"):
        with start(bank, free_port(), tmp_path, "--host", host) as served:
            _out, narrated = served.communicate(timeout=60)
        assert served.returncode == Exit.USAGE, narrated.decode()
        assert narrated.decode().strip() == f"{host} 不是本机的地址；--host 0.0.0.0 表示本机的全部地址。"


def test_a_port_in_use_is_said_in_one_sentence(bank: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, start(bank, taken.getsockname()[1], tmp_path) as served:
        _out, narrated = served.communicate(timeout=30)
    assert served.returncode == Exit.BUSY
    assert len(narrated.decode().strip().splitlines()) == 1
