"""A console believes the CA that a person accepted once for that address, and no other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.authority.certificates import describe
from server.authority.context import Tls
from server.authority.local import Local
from server.clock import utc_now
from server.schemas import Role
from tui.client import Client, Untrusted
from tui.exit import Exit
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


async def test_another_ca_at_that_address_is_refused_and_the_token_is_not_sent(tls_bank: Any, tmp_path: Path) -> None:
    known = trust(tls_bank.url, "", tmp_path, lambda _: True)
    tls_bank.close()
    tls_bank.tls = Tls(authority(tmp_path / "impostor"))
    tls_bank.open()
    async with Client(tls_bank.url, token="bfs_secret", trust=known) as client:
        with pytest.raises(Untrusted) as caught:
            await client.status()
    assert "trusted" in caught.value.sentence


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
    assert said.returncode == Exit.REFUSED
    assert "gone.pem" in said.stderr.decode()


def test_no_password_crosses_the_network_in_the_clear(run: Any) -> None:
    said = run("devices", token="t", server="http://10.66.0.10:8088")
    assert said.returncode == Exit.BAD_FILE
    assert "https://" in said.stderr.decode()
