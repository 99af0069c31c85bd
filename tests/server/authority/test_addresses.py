"""Which addresses agents are told: what people called the server, and only what its certificate bears out."""

from pathlib import Path

import pytest

from server.authority.addresses import addresses
from server.authority.certificates import issue
from server.authority.local import Local
from server.authority.source import source
from server.clock import utc_now
from server.settings import Settings


def told(home: Path, **said: object) -> list[str]:
    settings = Settings.model_validate(said)
    certificates = source(home, settings, utc_now, make=True)
    if settings.tls and settings.certificate is None:
        certificates.files()
    return addresses(certificates, settings)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"names": ["bf.bank.example", "10.66.0.10"]}, ["https://bf.bank.example:8088", "https://10.66.0.10:8088"]),
        ({"names": ["localhost", "10.66.0.10"], "port": 8443}, ["https://10.66.0.10:8443"]),
        ({"names": ["2001:DB8::0:7"]}, ["https://[2001:db8::7]:8088"]),
        ({"host": "10.66.0.10"}, ["https://10.66.0.10:8088"]),
        ({"host": "0.0.0.0"}, []),  # every address, and nobody said which one a branch reaches
        ({}, []),
        ({"names": ["bf.bank.example"], "tls": False}, []),
    ],
)
def test_what_people_called_the_server_is_told_in_their_order(
    tmp_path: Path, said: dict[str, object], expected: list[str]
) -> None:
    assert told(tmp_path, **said) == expected


def test_of_the_banks_own_certificate_what_it_names_is_told(tmp_path: Path) -> None:
    authority = Local(tmp_path, lambda: {"127.0.0.1"}, utc_now, make=True).authority()
    held = issue(authority, ["bf.bank.example", "*.bank.example", "localhost"], utc_now())
    (tmp_path / "bank.pem").write_bytes(held.pem())
    given = dict.fromkeys(("certificate", "certificate_key", "certificate_ca"), "bank.pem")
    assert told(tmp_path, **given) == ["https://bf.bank.example:8088"]
    assert told(tmp_path, **given, names=["other.example"]) == ["https://bf.bank.example:8088"]
    (tmp_path / "bank.pem").write_text("half of it")
    assert told(tmp_path, **given) == []
