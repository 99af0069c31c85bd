"""An agent believes who shows a certificate of its pinned CA, whatever its own clock says. Real TLS, no clock faked:
where time has passed it is the certificate that was made long ago."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.exit import Trouble
from agent.link.errors import Elsewhere, Ended, Misnamed, OtherScheme, Untrusted
from agent.link.link import open_line
from agent.link.trust import Trust, keep_ca
from agent.wire import BUILT, Assignment
from server.authority.context import Tls
from server.authority.local import Local
from server.clock import SetClock

if TYPE_CHECKING:
    from tests.server.authority.conftest import Answering
else:
    Answering = Any

DAY = 86_400_000_000


def made(folder: Path, at: int, names: frozenset[str] = frozenset({"127.0.0.1"})) -> Local:
    folder.mkdir()
    local = Local(folder, lambda: names, SetClock(at), make=True)
    local.trusted(), local.files()
    return local


async def ask(url: str, home: Path, kind: type[Elsewhere] = Elsewhere) -> str:
    """What the agent says of the server; the answer of these tests is none, which it says too."""
    async with open_line(url, Trust(home).context()) as line:
        with pytest.raises(Elsewhere) as caught:
            await line.ask("GET", "/secret", Assignment)
    assert type(caught.value) is kind
    return caught.value.sentence


async def test_who_shows_a_certificate_of_the_pinned_ca_is_asked(tmp_path: Path, answering: Answering) -> None:
    local = made(tmp_path / "server", BUILT)
    keep_ca(tmp_path, local.trusted().decode())
    with answering(Tls(local).context) as (url, heard):
        assert "is not a Branchfleet server" in await ask(url, tmp_path)
    assert len(heard) == 1


@pytest.mark.parametrize("days", [7000, -1000], ids=["a battery that died in 2000", "a clock set to 2099"])
async def test_the_agents_own_clock_decides_nothing(
    tmp_path: Path, answering: Answering, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """To a machine whose clock is far behind, a certificate is not yet good; to one far ahead, it ended long ago."""
    at = BUILT + days * DAY
    monkeypatch.setattr("agent.link.trust.BUILT", min(at, BUILT))
    monkeypatch.setattr("server.authority.local.BUILT", min(at, BUILT))
    local = made(tmp_path / "server", at)
    keep_ca(tmp_path, local.trusted().decode())
    with answering(Tls(local).context) as (url, heard):
        assert "is not a Branchfleet server" in await ask(url, tmp_path)
    assert len(heard) == 1


async def test_to_another_ca_and_to_another_name_nothing_is_sent(tmp_path: Path, answering: Answering) -> None:
    other = made(tmp_path / "other", BUILT)
    keep_ca(tmp_path, other.trusted().decode())
    with answering(Tls(made(tmp_path / "server", BUILT)).context) as (url, heard):
        assert "cannot be trusted" in await ask(url, tmp_path, Untrusted)
    elsewhere = made(tmp_path / "elsewhere", BUILT, frozenset({"192.0.2.1"}))
    keep_ca(tmp_path, elsewhere.trusted().decode())
    with answering(Tls(elsewhere).context) as (url, more):
        assert "127.0.0.1" in await ask(url, tmp_path, Misnamed)
    assert heard == more == []


async def test_to_a_certificate_that_ended_nothing_is_sent(tmp_path: Path, answering: Answering) -> None:
    local = made(tmp_path / "server", BUILT)
    keep_ca(tmp_path, local.trusted().decode())
    (tmp_path / "server-time").write_text(str(BUILT + 400 * DAY))  # as the server said it last
    with answering(Tls(local).context) as (url, heard):
        said = await ask(url, tmp_path, Ended)
    assert "the server's certificate ended on 2026-02-02" in said
    assert "renewed at the server" in said
    assert heard == []


async def test_who_asks_a_tls_port_in_the_clear_is_told_the_right_address(tmp_path: Path, answering: Answering) -> None:
    local = made(tmp_path / "server", BUILT)
    keep_ca(tmp_path, local.trusted().decode())
    with answering(Tls(local).context) as (url, heard):
        said = await ask(url.replace("https:", "http:"), tmp_path, OtherScheme)
    assert said.startswith(f"The server speaks TLS and was asked without: say {url} ")
    assert heard == []


async def test_the_servers_time_is_kept_and_never_beyond_its_certificate(tmp_path: Path, answering: Answering) -> None:
    local = made(tmp_path / "server", BUILT)
    keep_ca(tmp_path, local.trusted().decode())
    trust = Trust(tmp_path)
    with answering(Tls(local).context) as (url, _):
        async with open_line(url, trust.context()) as line:
            with pytest.raises(Elsewhere):
                await line.ask("GET", "/", Assignment)
    trust.heard(BUILT + 100 * DAY)
    assert Trust(tmp_path).passed == BUILT + 100 * DAY
    trust.heard(BUILT + 20_000 * DAY)  # a server whose own clock went mad must not shut itself out
    assert BUILT + 100 * DAY < Trust(tmp_path).passed < BUILT + 400 * DAY


async def test_of_a_leap_of_years_the_old_time_is_kept_until_the_server_has_said_so_for_a_week(tmp_path: Path) -> None:
    """The agent is started anew each morning, and the server's certificate ends late enough to tell nothing."""

    def hears(at: int) -> int:
        trust = Trust(tmp_path)
        trust._ends = 1 << 62
        trust.heard(at)
        return Trust(tmp_path).passed

    true, leap = BUILT + 700 * DAY, BUILT + 9000 * DAY
    assert hears(true) == true  # the first that is heard at all: there is nothing to compare with
    assert hears(leap) == hears(leap + 6 * DAY) == true
    assert hears(true + DAY) == true + DAY  # it was put right
    assert hears(leap + 8 * DAY) == true + DAY  # and the next leap is doubted for a week of its own
    assert hears(leap + 16 * DAY) == leap + 16 * DAY


def test_a_time_kept_by_an_earlier_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "server-time").write_text(str(BUILT + DAY))
    assert Trust(tmp_path).passed == BUILT + DAY
    (tmp_path / "server-time").write_text("")
    assert Trust(tmp_path).passed == BUILT


def test_a_home_without_its_ca_says_so(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="Enrol this PC again"):
        Trust(tmp_path).context()
