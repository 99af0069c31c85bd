"""Where an ATM is found, and by what it proves who it is."""

import asyncio
import datetime
import hashlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.atm.address import PORTS, check, publishers, services
from drivers.atm.xfs4iot import Xfs4IotOptions
from drivers.base import Reading
from drivers.errors import DeviceError, Garbled, NotSupported, Reason, Refused, Unreachable
from drivers.options import WrongOptions

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Any]
Poll = Callable[[Any], Awaitable[Reading]]

ATM = "atm/xfs4iot"


@pytest.mark.parametrize(
    ("address", "first"),
    [
        ("10.1.2.3:5846", "ws://10.1.2.3:5846/xfs4iot/v1.0"),
        ("atm-1.bank:443", "wss://atm-1.bank:443/xfs4iot/v1.0"),
        ("10.1.2.3", "ws://10.1.2.3:80/xfs4iot/v1.0"),
        ("2001:db8::1", "ws://[2001:db8::1]:80/xfs4iot/v1.0"),
        ("[2001:db8::1]:5850", "ws://[2001:db8::1]:5850/xfs4iot/v1.0"),
        ("ws://10.1.2.3", "ws://10.1.2.3:80/xfs4iot/v1.0"),
        ("wss://10.1.2.3", "wss://10.1.2.3:443/xfs4iot/v1.0"),
        ("WSS://10.1.2.3:5848/xfs4iot/v1.0/", "wss://10.1.2.3:5848/xfs4iot/v1.0"),
    ],
)
def test_an_address_says_where_the_publisher_is(address: str, first: str) -> None:
    assert check(address) is None
    assert publishers(address, secure=False)[0] == first


def test_without_a_port_those_of_the_standard_are_tried_in_its_order() -> None:
    assert PORTS == (80, 443, 5846, 5847, 5848, 5849, 5850, 5851, 5852, 5853, 5854, 5855, 5856)
    plain = publishers("a", secure=False)
    assert [url.rpartition(":")[0] for url in plain] == ["ws://a", "wss://a", *["ws://a"] * 11]
    secure = publishers("a", secure=True)
    assert secure[0] == "wss://a:443/xfs4iot/v1.0"
    assert all(url.startswith("wss://") for url in secure)


@pytest.mark.parametrize(
    "address",
    [
        "wss://",
        "ws://a/b?c",
        "ws://a#b",
        "ws://user:word@a",
        "ws://a:b",
        "ws://a:0",
        "ftp://a",
        "ws://a/ b",
        "ws://[::1",
    ],
)
def test_what_is_no_address_of_an_atm_is_told(address: str) -> None:
    assert (check(address) or "").startswith("is not HOST, HOST:PORT, or ws://")


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("ws://localhost:5847/xfs4iot/v1.0/CardReader1", "ws://atm:5847/xfs4iot/v1.0/CardReader1"),
        ("ws://10.9.9.9/xfs4iot/v1.0/CardReader1/", "ws://atm:80/xfs4iot/v1.0/CardReader1/"),
        ("wss://x/xfs4iot/v1.0/CardReader1", "wss://atm:443/xfs4iot/v1.0/CardReader1"),
        ("http://atm:5847/xfs4iot/v1.0/CardReader1", ""),
        ("ws://atm:99999/xfs4iot/v1.0/CardReader1", ""),
        ("ws://atm:5847/a\r\nHost: b", ""),
        ("ws://atm:5847/" + "a" * 300, ""),
        ("", ""),
    ],
)
def test_a_service_is_looked_for_at_the_publisher_s_host(uri: str, url: str) -> None:
    assert list(services("ws://atm:5846/xfs4iot/v1.0", [{"serviceURI": uri}]).values()) == [url]


def test_with_tls_no_service_is_asked_without_it() -> None:
    told = [
        {"serviceURI": "ws://a:1/Printer"},
        {"serviceURI": "wss://a:2/Printer"},
        {"serviceURI": "wss://a:3/Printer"},
    ]
    found = services("wss://a:443/xfs4iot/v1.0", told)
    assert found == {"service1": "", "Printer": "wss://a:2/Printer", "Printer-2": "wss://a:3/Printer"}


# -- ports ----------------------------------------------------------------------------------------------------------


async def test_a_machine_is_found_on_a_port_of_the_standard_and_found_again_elsewhere(
    start: Start, driver: Make, poll: Poll
) -> None:
    """Each machine of these tests has a loopback address of its own, so their ports do not meet."""
    simulator, _ = await start(ATM, {"host": "127.77.0.1", "port": 5848})
    polled = driver(ATM, "127.77.0.1")
    assert (await poll(polled)).device == "online"
    await simulator.close()
    await start(ATM, {"host": "127.77.0.1", "port": 5856})
    with pytest.raises(Unreachable):
        await poll(polled)
    assert (await poll(polled)).device == "online"


@pytest.fixture
async def web_server() -> AsyncIterator[None]:
    """Something else on the first of the ports: it answers, and is no publisher."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.77.0.2", 5846)
    yield
    server.close()
    await server.wait_closed()


@pytest.mark.usefixtures("web_server")
async def test_what_is_no_publisher_is_passed_over(start: Start, driver: Make, poll: Poll) -> None:
    await start(ATM, {"host": "127.77.0.2", "port": 5847})
    assert (await poll(driver(ATM, "127.77.0.2"))).device == "online"


@pytest.mark.usefixtures("web_server")
async def test_where_there_is_no_publisher_the_most_telling_reason_is_given(driver: Make, poll: Poll) -> None:
    with pytest.raises(Garbled, match=r"127\.77\.0\.2:5846.*is no websocket") as garbled:
        await poll(driver(ATM, "127.77.0.2"))
    assert garbled.value.reason == Reason.BAD_FRAME
    with pytest.raises(Unreachable) as refused:
        await poll(driver(ATM, "127.77.0.3"))
    assert refused.value.reason == Reason.CONNECTION_REFUSED


@pytest.mark.parametrize(
    ("greeting", "kind", "reason"),
    [(b"", Unreachable, Reason.HUNG_UP), (b"\x00\xff" * 50_000, Garbled, Reason.BAD_FRAME)],
    ids=["nothing", "bytes"],
)
async def test_what_hangs_up_at_once_is_told_from_what_is_no_websocket(
    greeting: bytes, kind: type[DeviceError], reason: Reason, driver: Make, poll: Poll
) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(kind) as error:
            await poll(driver(ATM, f"127.0.0.1:{port}"))
    assert error.value.reason == reason


@pytest.fixture
def two_addresses(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a host that has two addresses, as one with IPv4 and IPv6 has."""
    resolve = socket.getaddrinfo

    def both(host: Any, *more: Any, **named: Any) -> list[Any]:
        hosts = ("127.77.0.4", "127.77.0.5") if host == "atm-1.bank" else (host,)
        return [found for one in hosts for found in resolve(one, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    return "atm-1.bank"


@pytest.mark.parametrize("host", ["127.77.0.4", "127.77.0.5"])
async def test_a_host_of_two_addresses_is_looked_through(
    host: str, two_addresses: str, start: Start, driver: Make, poll: Poll
) -> None:
    await start(ATM, {"host": host, "port": 5847})
    assert (await poll(driver(ATM, two_addresses))).device == "online"


async def test_a_host_that_refuses_at_both_addresses_refuses(two_addresses: str, driver: Make, poll: Poll) -> None:
    with pytest.raises(Unreachable) as error:
        await poll(driver(ATM, f"{two_addresses}:5847"))
    assert error.value.reason == Reason.CONNECTION_REFUSED


async def test_a_name_nobody_knows_is_looked_up_once(driver: Make, poll: Poll) -> None:
    with pytest.raises(Unreachable) as error:
        await poll(driver(ATM, "atm.invalid"))
    assert error.value.reason == Reason.NAME_UNKNOWN


# -- TLS ------------------------------------------------------------------------------------------------------------


class Identity(NamedTuple):
    ca: str  # paths of PEM files
    certificate: str
    key: str
    pin: str


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A bank's own CA, and an ATM's certificate signed by it."""
    folder = tmp_path_factory.mktemp("tls")
    ca_key, ca = _certificate("Bank CA", None, None)
    key, certificate = _certificate("atm", ca_key, ca)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "atm.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "atm.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    pin = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    return Identity(str(folder / "ca.pem"), str(folder / "atm.pem"), str(folder / "atm.key"), pin)


def _certificate(
    name: str, ca_key: ec.EllipticCurvePrivateKey | None, ca: x509.Certificate | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject if ca else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key((ca_key or key).public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca is None,
                crl_sign=ca is None,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    return key, built.sign(ca_key or key, hashes.SHA256())


@pytest.fixture
async def secured(start: Start, identity: Identity) -> tuple[Any, str]:
    simulator, address = await start(ATM, {"certificate": identity.certificate, "key": identity.key})
    assert address.startswith("wss://")
    return simulator, address


@pytest.mark.parametrize("by", ["ca", "pin", "anything"])
async def test_a_machine_proves_itself(
    by: str, secured: tuple[Any, str], identity: Identity, driver: Make, poll: Poll
) -> None:
    options: dict[str, dict[str, object]] = {
        "ca": {"ca": identity.ca},
        "pin": {"pin": identity.pin},
        "anything": {"trust_any_certificate": True},
    }
    simulator, address = secured
    for where in (address, address.removeprefix("wss://").partition("/")[0]):
        polled = driver(ATM, where, **options[by])
        assert (await poll(polled)).device == "online"
        simulator.state["card"] = "none" if simulator.state["card"] == "present" else "present"
        assert await polled.news() is True


@pytest.mark.parametrize("by", ["the machine's CAs", "another pin", "another CA"])
async def test_a_machine_that_does_not_prove_itself_is_asked_nothing(
    by: str, secured: tuple[Any, str], tmp_path: Path, driver: Make, poll: Poll
) -> None:
    _, other = _certificate("Other CA", None, None)
    (tmp_path / "other.pem").write_bytes(other.public_bytes(serialization.Encoding.PEM))
    options: dict[str, dict[str, object]] = {
        "the machine's CAs": {},
        "another pin": {"pin": "0" * 64},
        "another CA": {"ca": str(tmp_path / "other.pem")},
    }
    simulator, address = secured
    with pytest.raises(Refused, match="not trusted") as error:
        await poll(driver(ATM, address, **options[by]))
    assert error.value.reason == Reason.UNTRUSTED
    assert not simulator.heard


async def test_tls_and_none_do_not_go_together(
    secured: tuple[Any, str], start: Start, identity: Identity, driver: Make, poll: Poll
) -> None:
    _, address = secured
    with pytest.raises((Garbled, Unreachable)):
        await poll(driver(ATM, address.replace("wss", "ws")))
    _, plain = await start(ATM)
    with pytest.raises((Garbled, Unreachable)):
        await poll(driver(ATM, plain, ca=identity.ca))


@pytest.mark.parametrize("options", [{"ca": "bank.pem"}, {"pin": "0" * 64}, {"trust_any_certificate": True}])
async def test_an_address_without_tls_is_not_asked_where_an_option_means_tls(
    options: dict[str, object], start: Start, driver: Make, poll: Poll
) -> None:
    simulator, address = await start(ATM)
    with pytest.raises(NotSupported, match="want wss://") as error:
        await poll(driver(ATM, f"ws://{address}/xfs4iot/v1.0", **options))
    assert error.value.reason == Reason.BAD_OPTIONS
    assert not simulator.heard


def test_the_port_that_is_usually_plain_has_tls_where_an_option_means_tls() -> None:
    assert publishers("a:80", secure=True) == ["wss://a:80/xfs4iot/v1.0"]


async def test_a_ca_file_that_cannot_be_read_is_a_matter_of_options(driver: Make, poll: Poll, tmp_path: Path) -> None:
    with pytest.raises(NotSupported) as error:
        await poll(driver(ATM, "127.0.0.1:9", ca=str(tmp_path / "none.pem")))
    assert error.value.reason == Reason.BAD_OPTIONS


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"pin": "12:34"}, "64 hexadecimal digits"),
        ({"pin": "x" * 64}, "64 hexadecimal digits"),
        ({"ca": "a.pem", "pin": "0" * 64}, "exclude each other"),
        ({"ca": "a.pem", "trust_any_certificate": True}, "exclude each other"),
        ({"verify": False}, "unknown field `verify`"),
        ({"wait": 60}, "wait: Expected `float` <= 5"),
    ],
)
def test_options_that_do_not_agree_are_told_in_words(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(WrongOptions, match=sentence):
        Xfs4IotOptions.model_validate(options)


def test_a_pin_may_be_written_as_openssl_prints_it() -> None:
    printed = ":".join(["AB"] * 32)
    assert Xfs4IotOptions(pin=printed).pin == "ab" * 32
