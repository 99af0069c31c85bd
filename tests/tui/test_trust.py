"""A console believes the CA that a person accepted once for that address, and no other."""

import json
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from server.authority import changing
from server.authority.certificates import describe
from server.authority.context import Tls
from server.authority.local import Local
from server.clock import SetClock, utc_now
from server.schemas.people import Role
from tui.client import Client
from tui.exit import Exit
from tui.failures import Untrusted
from tui.trust import Untrusted as NotAccepted
from tui.trust import trust

Accept = Callable[[str], bool]


def authority(folder: Path) -> Local:
    folder.mkdir()
    return Local(folder, lambda: {"127.0.0.1"}, utc_now, make=True)


@pytest.fixture
def tls_bank(bank: Any, tmp_path: Path) -> Any:
    """The bank behind TLS."""
    bank.close()
    bank.tls = Tls(authority(tmp_path / "home"))
    bank.open()
    return bank


def never(fingerprint: str) -> bool:
    raise AssertionError("a person was asked again")


async def test_a_ca_is_accepted_once_and_then_known(tls_bank: Any, tmp_path: Path) -> None:
    shown: list[str] = []

    def accept(fingerprint: str) -> bool:
        shown.append(fingerprint)
        return True

    trust(tls_bank.url, "", tmp_path, accept)
    source = tls_bank.tls.source
    assert shown == [describe(source.trusted(), source.files()[0].read_bytes())["fingerprint"]]
    token = tls_bank.token("li", Role.HEAD)
    async with Client(tls_bank.url, token=token, trust=trust(tls_bank.url, "", tmp_path, never)) as client:
        assert (await client.status()).agents > 0


def test_a_ca_that_is_not_accepted_is_not_kept(tls_bank: Any, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(NotAccepted):
            trust(tls_bank.url, "", tmp_path, lambda _: False)


def test_a_server_behind_tls_that_is_asked_in_the_clear_is_told_with_its_right_address(
    tls_bank: Any, tmp_path: Path
) -> None:
    with pytest.raises(NotAccepted) as caught:
        trust(tls_bank.url.replace("https:", "http:"), "", tmp_path, never)
    assert f"要写成 {tls_bank.url}" in str(caught.value)


def test_a_server_without_tls_that_is_asked_with_it_is_told(bank: Any, tmp_path: Path) -> None:
    with pytest.raises(NotAccepted, match="没有用 TLS"):
        trust(bank.url.replace("http:", "https:"), "", tmp_path, never)


@pytest.mark.parametrize("days", [-3650, 3650], ids=["ended", "not yet"])
async def test_where_a_certificate_is_not_of_this_day_the_pcs_own_clock_is_said(
    bank: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """A certificate made ten years off is to this PC what a right one is to a PC whose clock is ten years off."""
    at = utc_now() + days * 86_400_000_000
    monkeypatch.setattr("server.authority.local.BUILT", min(at, utc_now()))
    (tmp_path / "home").mkdir()
    local = Local(tmp_path / "home", lambda: {"127.0.0.1"}, SetClock(at), make=True)
    bank.close()
    bank.tls = Tls(local)
    bank.open()
    (tmp_path / "ca.pem").write_bytes(local.trusted())
    async with Client(bank.url, trust=trust(bank.url, str(tmp_path / "ca.pem"), tmp_path, never)) as client:
        with pytest.raises(Untrusted) as caught:
            await client.status()
    assert f"本机时间是 {datetime.now().astimezone():%Y-%m-%d}" in caught.value.sentence


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"\xff\xfe", None], ids=["empty", "text", "bytes", "a folder"]
)
def test_a_file_of_ca_that_is_none_is_bad_input_and_said_in_chinese(
    tmp_path: Path, run: Any, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    path.mkdir() if content is None else path.write_bytes(content)
    for file in (path, tmp_path / "nowhere.pem"):
        said = run("--ca", str(file), "devices", token="bfs_x", server="https://127.0.0.1:1")
        sentence = said.stderr.decode()
        assert said.returncode == Exit.BAD_FILE, sentence
        assert not re.search("[A-Za-z]{4,}", sentence.replace(str(file), "").replace("branchfleet-server ca --pem", ""))


async def test_another_ca_at_that_address_is_refused_and_the_token_is_not_sent(tls_bank: Any, tmp_path: Path) -> None:
    known = trust(tls_bank.url, "", tmp_path, lambda _: True)
    tls_bank.close()
    tls_bank.tls = Tls(authority(tmp_path / "impostor"))
    tls_bank.open()
    async with Client(tls_bank.url, token="bfs_secret", trust=known) as client:
        with pytest.raises(Untrusted) as caught:
            await client.status()
    assert "trusted" in caught.value.sentence


async def test_a_ca_is_changed_for_the_next_and_nobody_is_asked_again(tls_bank: Any, tmp_path: Path) -> None:
    """The console was there while both were trusted; one that was not is told, and sends nothing."""
    pinned = tmp_path / "trusted"
    trust(tls_bank.url, "", tmp_path, lambda _: True)
    trust(tls_bank.url, "", tmp_path / "away", lambda _: True)
    tls, home = tls_bank.tls, tmp_path / "home" / "tls"
    changing.begin(home, utc_now)
    tls.look()
    assert yesterday(pinned).count("BEGIN") == 1
    trust(tls_bank.url, "", tmp_path, never)
    assert next(pinned.iterdir()).read_text().count("BEGIN") == 2
    changing.switch(home)
    tls.look()
    changing.drop(home)
    tls.look()
    yesterday(pinned)
    context = trust(tls_bank.url, "", tmp_path, never)
    token = tls_bank.token("li", Role.HEAD)
    async with Client(tls_bank.url, token=token, trust=context) as client:
        assert (await client.status()).agents > 0
    assert next(pinned.iterdir()).read_text() == (home / "ca.pem").read_text()
    yesterday(tmp_path / "away" / "trusted")
    async with Client(tls_bank.url, token=token, trust=trust(tls_bank.url, "", tmp_path / "away", never)) as client:
        with pytest.raises(Untrusted):
            await client.status()


def yesterday(pinned: Path) -> str:
    """What is pinned, and was a day ago."""
    path = next(pinned.iterdir())
    at = path.stat().st_mtime - 90_000
    os.utime(path, (at, at))
    return path.read_text()


def test_a_script_names_the_ca_and_without_one_nothing_is_asked(tls_bank: Any, run: Any, tmp_path: Path) -> None:
    token = tls_bank.token("li", Role.HEAD)
    said = run("devices", token=token)
    assert said.returncode == Exit.REFUSED
    assert "--ca" in said.stderr.decode()
    ca = str(tmp_path / "home" / "tls" / "ca.pem")
    said = run("--ca", ca, "devices", "--json", token=token)
    assert said.returncode == Exit.DONE
    assert json.loads(said.stdout)["total"] > 0
    said = run("--ca", str(tmp_path / "gone.pem"), "devices", token=token)
    assert said.returncode == Exit.BAD_FILE
    assert "gone.pem" in said.stderr.decode()


def test_no_password_crosses_the_network_in_the_clear(run: Any) -> None:
    said = run("devices", token="t", server="http://10.66.0.10:8088")
    assert said.returncode == Exit.BAD_FILE
    assert "https://" in said.stderr.decode()
