"""The bank-local CA: made once, its certificate renewed in time, its keys nobody else's, and never a half of a pair."""

import asyncio
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from agent.wire import BUILT
from server.authority import context
from server.authority.certificates import AUTHORITY_DAYS, describe, held, names_of
from server.authority.context import Tls
from server.authority.files import CertificateError
from server.authority.given import Given
from server.authority.local import Local
from server.authority.names import own_names
from server.authority.source import may_speak_plainly, source
from server.clock import SetClock
from server.settings import Settings

if TYPE_CHECKING:
    from tests.server.authority.conftest import Answering
else:
    Answering = Any

DAY = 86_400.0
NAMES = {"localhost", "127.0.0.1", "centre.bank.example"}


@pytest.fixture
def clock() -> SetClock:
    return SetClock(BUILT)


@pytest.fixture
def local(tmp_path: Path, clock: SetClock) -> Local:
    return Local(tmp_path, lambda: NAMES, clock, make=True)


def shown(local: Local) -> x509.Certificate:
    return held(local.files()[0].read_bytes()).certificate


def test_the_ca_signs_servers_and_nothing_else(local: Local) -> None:
    authority = x509.load_pem_x509_certificate(local.trusted())
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    certificate = shown(local)
    certificate.verify_directly_issued_by(authority)
    assert names_of(certificate) == NAMES
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < timedelta(days=400)


def test_what_is_made_once_stays(local: Local, tmp_path: Path, clock: SetClock) -> None:
    trusted, certificate = local.trusted(), shown(local)
    again = Local(tmp_path, lambda: NAMES, clock)
    assert again.trusted() == trusted
    assert shown(again) == certificate


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_keys_are_their_owners_alone(local: Local, tmp_path: Path) -> None:
    local.trusted(), local.files()
    for name in ("authority.pem", "server.pem"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o077 == 0
    (tmp_path / "tls" / "server.pem").chmod(0o640)
    with pytest.raises(CertificateError, match="chmod 600"):
        local.files()


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(local: Local, clock: SetClock) -> None:
    first = shown(local)
    clock.forward(200 * DAY)
    assert shown(local) == first
    clock.forward(80 * DAY)
    second = shown(local)
    assert second != first
    second.verify_directly_issued_by(x509.load_pem_x509_certificate(local.trusted()))


def test_another_name_for_the_server_makes_another_certificate(tmp_path: Path, clock: SetClock, local: Local) -> None:
    shown(local)
    more = Local(tmp_path, lambda: {*NAMES, "10.66.0.10"}, clock)
    assert "10.66.0.10" in names_of(shown(more))


def test_a_lost_ca_is_not_made_anew_behind_the_agents_backs(local: Local, tmp_path: Path) -> None:
    local.trusted()
    (tmp_path / "tls" / "authority.pem").unlink()
    with pytest.raises(CertificateError, match="back from where it is"):
        local.trusted()


def test_without_its_folder_no_other_ca_is_made_unasked(tmp_path: Path, clock: SetClock) -> None:
    with pytest.raises(CertificateError, match="ca --new"):
        Local(tmp_path, lambda: NAMES, clock).trusted()
    assert not (tmp_path / "tls").exists()


def test_no_certificate_is_made_by_a_clock_that_is_wrong(local: Local, clock: SetClock) -> None:
    clock.at = 946_684_800_000_000  # 2000-01-01: the battery is dead
    with pytest.raises(CertificateError, match="clock is wrong"):
        local.files()


def test_names_are_compared_as_a_certificate_says_them(tmp_path: Path, clock: SetClock) -> None:
    """Addresses in another form than their own would make a new certificate at every look."""
    names = ("2001:0DB8:0000::00A1", "::ffff:10.1.2.3", "fe80::1%eth0", "10.1.2.4", "Centre.bank.example")
    local = Local(tmp_path, lambda: own_names("0:0:0:0:0:0:0:1", names), clock, make=True)
    local.trusted()
    first = shown(local)
    assert {"2001:db8::a1", "::1", "fe80::1", "10.1.2.4", "Centre.bank.example"} <= names_of(first)
    assert shown(local) == first


def test_a_ca_that_has_ended_is_a_sentence(local: Local, clock: SetClock) -> None:
    local.files()
    clock.forward(AUTHORITY_DAYS * DAY)
    with pytest.raises(CertificateError, match="is wrong"):
        local.renew()
    clock.forward(-10 * DAY)
    first = shown(local)
    assert first.not_valid_after_utc == x509.load_pem_x509_certificate(local.trusted()).not_valid_after_utc
    clock.forward(8 * DAY)
    assert shown(local) == first  # no other would last any longer
    clock.forward(3 * DAY)
    with pytest.raises(CertificateError, match="ended on 2045-01-01"):
        local.renew()


def test_what_a_clock_ahead_made_is_made_anew_when_it_is_right(local: Local, clock: SetClock) -> None:
    local.trusted()
    clock.forward(300 * DAY)
    ahead = shown(local)
    clock.forward(-300 * DAY)
    assert shown(local).not_valid_before_utc < ahead.not_valid_before_utc


def test_a_running_server_takes_up_its_renewed_certificate(
    local: Local, clock: SetClock, answering: Answering, tmp_path: Path
) -> None:
    local.trusted()
    tls = Tls(local)
    verifying = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
    verifying.verify_flags |= ssl.VerifyFlags(0x200000)  # the clock of the test is not the machine's
    serials = set()
    with answering(tls.context) as (url, _):
        for _turn in range(2):
            with httpx2.Client(verify=verifying) as client, client.stream("GET", url) as response:
                socket = response.extensions["network_stream"].get_extra_info("ssl_object")
                serials.add(socket.getpeercert()["serialNumber"])
            clock.forward(300 * DAY)
            tls.look()
    assert len(serials) == 2


def test_a_bad_file_of_the_banks_own_is_told_and_the_last_certificate_stays(
    tmp_path: Path, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    bank = _bank(tmp_path, clock)
    tls = Tls(bank())
    (tmp_path / "bank.pem").write_bytes(b"half a certif")
    tls.source = bank()
    tls.look()
    tls.look()
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    assert "holds no certificate in PEM" in caplog.text


def test_a_key_under_a_password_is_told_as_no_key_of_ours(local: Local, tmp_path: Path) -> None:
    path = local.files()[0]
    key = held(path.read_bytes()).key
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    path.write_bytes(locked + path.read_bytes())
    with pytest.raises(CertificateError, match="is not a certificate with its key"):
        local.files()


def test_whatever_one_look_meets_the_next_is_made(local: Local, clock: SetClock, tmp_path: Path) -> None:
    """Nobody waits for the task that looks: had it ended, the certificate would have, a year later."""
    local.trusted()
    tls = Tls(local)

    class Meets(Local):
        def files(self) -> tuple[Path, Path]:
            raise RuntimeError("what nobody thought of")

    tls.source = Meets(Path(), set, clock)
    tls.look()
    tls.source = local
    file = tmp_path / "tls" / "server.pem"
    before = file.read_bytes()
    clock.forward(300 * DAY)
    tls.look()
    assert file.read_bytes() != before


def _bank(folder: Path, clock: SetClock) -> Callable[[], Given]:
    """A certificate from a CA of the bank's, in three files as a bank has them."""
    other = Local(folder / "bank", lambda: NAMES, clock, make=True)
    (folder / "bank").mkdir()
    (folder / "ca.pem").write_bytes(other.trusted())
    text = other.files()[0].read_bytes()
    cut = text.index(b"-----BEGIN CERTIFICATE")
    (folder / "bank.pem").write_bytes(text[cut:])
    (folder / "bank.key").write_bytes(text[:cut])
    (folder / "bank.key").chmod(0o600)
    return lambda: Given(folder / "bank.pem", folder / "bank.key", folder / "ca.pem", clock)


def test_a_certificate_of_the_banks_own_is_taken(tmp_path: Path, clock: SetClock) -> None:
    bank = _bank(tmp_path, clock)()
    assert bank.files() == (tmp_path / "bank.pem", tmp_path / "bank.key")
    assert bank.trusted() == (tmp_path / "ca.pem").read_bytes()
    said = describe(bank.trusted(), bank.files()[0].read_bytes())
    assert said["names"] == "127.0.0.1 centre.bank.example localhost"


def test_what_is_wrong_with_the_banks_files_is_said(tmp_path: Path, clock: SetClock, local: Local) -> None:
    bank = _bank(tmp_path, clock)()
    local.trusted()
    with pytest.raises(CertificateError, match="does not hold the CA"):
        Given(tmp_path / "bank.pem", tmp_path / "bank.key", tmp_path / "tls" / "ca.pem", clock).files()
    with pytest.raises(CertificateError, match="is not the key of"):
        Given(tmp_path / "bank.pem", local.files()[0], tmp_path / "ca.pem", clock).files()
    with pytest.raises(CertificateError, match="cannot be read"):
        Given(tmp_path / "gone.pem", tmp_path / "bank.key", tmp_path / "ca.pem", clock).files()
    clock.forward(400 * DAY)
    with pytest.raises(CertificateError, match="ended on"):
        bank.files()


def test_plain_http_stays_on_this_machine(tmp_path: Path, clock: SetClock) -> None:
    may_speak_plainly(Settings(tls=False))
    with pytest.raises(CertificateError, match="on this machine only"):
        may_speak_plainly(Settings(tls=False, host="0.0.0.0"))
    with pytest.raises(CertificateError, match="all three are set"):
        source(tmp_path, Settings(certificate=Path("a.pem")), clock)
    with pytest.raises(CertificateError, match="no host name"):
        source(tmp_path, Settings(names="a b"), clock)


async def test_who_asks_in_plain_http_is_told_of_in_the_log_and_not_each_time(
    local: Local, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context._Listening, "said_at", -context.PLAIN_SECONDS)

    async def ask_in_the_clear() -> bytes:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"GET / HTTP/1.1\r\nHost: centre\r\n\r\n")
        with suppress(ConnectionError):
            said = await reader.read()
            writer.close()
            return said
        return b""

    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=Tls(local).context)
    async with server:
        assert [await ask_in_the_clear() for _ in range(3)] == [b"", b"", b""]
    said = [record.getMessage() for record in caplog.records if "plain HTTP" in record.getMessage()]
    assert len(said) == 1
    assert "https://" in said[0]
