"""The console in Chromium: drawn, typed into, and nothing asked of any other host."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.async_api import async_playwright

from server.schemas.people import Role
from tui.exit import Exit

CHROMIUM = Path("/usr/bin/chromium")
needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: apt-get install -y chromium")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def start(bank: Any, port: int, tmp_path: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "BRANCHFLEET_CONFIG": str(tmp_path),
        "BRANCHFLEET_TOKEN": bank.token("other", Role.HEAD),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tui", "--server", bank.url, "web", "--port", str(port)],
        stderr=subprocess.PIPE,
        env=environment,
    )


@pytest.fixture
def page(bank: Any, tmp_path: Path) -> Iterator[str]:
    """The address of `branchfleet web`."""
    port = free_port()
    with start(bank, port, tmp_path) as served:
        url = f"http://127.0.0.1:{port}/"
        deadline = time.monotonic() + 90
        while True:
            try:
                httpx2.get(url)
            except httpx2.TransportError:
                assert time.monotonic() < deadline
                assert served.poll() is None
                time.sleep(0.05)
            else:
                break
        yield url
        served.send_signal(signal.SIGINT)


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
    answer = httpx2.get(page)
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    assert "//" not in answer.text.replace("ws://", "").replace("wss://", "").split("<script>")[0]


def test_a_window_of_another_site_is_turned_away(page: str) -> None:
    assert httpx2.get(page + "ws", headers={"Origin": "http://elsewhere.example"}).status_code == 403


def test_a_port_in_use_is_said_in_one_sentence(bank: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, start(bank, taken.getsockname()[1], tmp_path) as served:
        _out, narrated = served.communicate(timeout=30)
    assert served.returncode == Exit.BUSY
    assert len(narrated.decode().strip().splitlines()) == 1
