"""The ready script of a host, run by this machine's own shells against a real listener."""

import asyncio
import base64
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver
from drivers.host import script
from drivers.host.document import opened, sheets
from drivers.host.handout import cron_line, ready
from tests.drivers.host.test_said import SHELLS
from tests.drivers.host.test_windows import NEWER

Make = Callable[..., Driver]
KEY = "键 of a host ' \" $(reboot)".encode()
SHORT = b'printf "%s\\nhost.name=x\\nos.id=debian\\n%s\\n" "$begin_marker" "$end_marker"\n'


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script of facts itself takes seconds, and is tried elsewhere."""
    monkeypatch.setattr(script, "shipped", lambda name: SHORT)


async def _run(*command: str) -> tuple[int, str]:
    running = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        _, said = await running.communicate()
    return running.returncode or 0, said.decode()


@pytest.mark.parametrize("shell", SHELLS)
async def test_every_shell_signs_what_it_writes_for_a_stick(shell: str, short: None, tmp_path: Path) -> None:
    if shutil.which(SHELLS[shell][0]) is None:
        pytest.skip(f"apt-get install {SHELLS[shell][0]}")
    (tmp_path / "post.sh").write_bytes(ready("linux", "1001/pc-7", "10.1.1.1:8787", KEY))
    file = tmp_path / "pc-7.bff"
    assert await _run(*SHELLS[shell], str(tmp_path / "post.sh"), "--to-file", str(file)) == (0, "")
    told = opened(file.read_bytes(), KEY)
    assert told is not None
    assert (told.position, told.sha256) == ("1001/pc-7", script.SHA256[script.FACTS])
    assert sheets(told)[0].facts["host.name"] == "x"
    assert opened(file.read_bytes(), b"another") is None


@pytest.mark.parametrize("program", ["curl", "wget"])
async def test_it_posts_by_what_is_there_and_says_why_it_was_not_taken(
    program: str, short: None, tmp_path: Path, driver: Make, free_address: str
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"apt-get install {program}")
    own = ready("linux", "1001/pc-7", free_address, KEY)
    other = {"curl": "wget", "wget": "curl"}[program]
    (tmp_path / "post.sh").write_bytes(own.replace(f"if has {other}".encode(), b"if has nothing-of-that-name"))
    assert (await _run("sh", str(tmp_path / "post.sh")))[0] == 4  # nobody listens
    one: Any = driver("host/posted", free_address, "1001/pc-7", key=KEY.decode())
    await one.open()
    assert await _run("sh", str(tmp_path / "post.sh")) == (0, "")
    assert {sheet.topic: sheet.facts for sheet in await one.facts()}["host"]["os.id"] == "debian"
    (tmp_path / "post.sh").write_bytes(ready("linux", "1001/pc-8", free_address, KEY))
    code, said = await _run("sh", str(tmp_path / "post.sh"))
    assert (code, "it was not taken" in said) == (5, True)


async def test_a_script_that_was_cut_off_posts_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_address: str
) -> None:
    monkeypatch.setattr(script, "shipped", lambda name: b'printf "%s\\nhost.name=x\\n" "$begin_marker"\n')
    (tmp_path / "post.sh").write_bytes(ready("linux", "1001/pc-7", free_address, KEY))
    assert await _run("sh", str(tmp_path / "post.sh")) == (1, "the script did not say all of it\n")
    assert (await _run("sh", str(tmp_path / "post.sh"), "--help"))[0] == 2


@pytest.fixture
async def free_address() -> str:
    free = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = free.sockets[0].getsockname()[1]
    free.close()
    await free.wait_closed()
    return f"127.0.0.1:{port}"


def test_the_script_for_windows_is_of_what_powershell_2_knows_and_holds_the_shipped_one() -> None:
    written = ready("windows", "1001/pc-7", "[2001:db8::20]:8787", KEY)
    assert script.shipped(script.WINDOWS).rstrip(b"\n") in written
    text = written.decode("ascii")
    assert NEWER.findall(text) == []
    assert base64.b64encode(KEY).decode() in text
    assert "http://[2001:db8::20]:8787" in text
    assert not re.search(r"@[A-Z0-9]+@", text)


@pytest.mark.parametrize(
    ("position", "address"),
    [("1001/pc-7';reboot;'", "10.1.1.1:1"), ("1001/pc-7\nreboot", "10.1.1.1:1"), ("1001/pc-7", "10.1.1.1:1;reboot"),
     ("1001/pc-7", "10.1.1.1")],
)  # fmt: skip
def test_nobodys_words_become_part_of_a_script(position: str, address: str) -> None:
    with pytest.raises(ValueError, match=r"1001|10\.1"):
        ready("linux", position, address, KEY)


def test_hosts_of_a_branch_do_not_all_post_in_the_same_minute() -> None:
    assert len({cron_line(f"1001/pc-{n}") for n in range(30)}) > 20
