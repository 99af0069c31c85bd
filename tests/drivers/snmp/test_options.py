"""What an inventory may say of an SNMP device, and that checking it needs no SNMP library."""

import subprocess
import sys

import pytest

from drivers.options import WrongOptions
from drivers.snmp.driver import Snmp, SnmpOptions, split_address
from drivers.snmp.engine import SnmpEngine, pick

PASSWORDS = {"auth_password": "authpass123", "priv_password": "privpass123"}


def test_options_are_checked_without_pysnmp() -> None:
    code = (
        "import sys, drivers.snmp.driver; sys.exit(any(name.startswith(('pysnmp', 'pyasn1')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_our_own_engine_is_taken_where_gufo_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "drivers.snmp.fast", raising=False)
    monkeypatch.setitem(sys.modules, "gufo.snmp", None)
    assert pick("auto") is pick("own") is SnmpEngine


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"version": "3"}, "needs a `user`"),
        ({"version": "3", "user": "u", "auth_password": "authpass123"}, "`auth` and `auth_password` go together"),
        ({"version": "3", "user": "u", "auth": "SHA", "auth_password": "short"}, "fewer than 8 characters"),
        ({"version": "3", "user": "u", "priv": "AES", "priv_password": "privpass123"}, "`priv` needs `auth`"),
        ({"user": "u"}, 'are for version "3"'),
        ({"community": ""}, "community: Expected `str` of length >= 1"),
        ({"profile": "toaster"}, "profile: is none of auto, .*, ups-huawei, atm-ncr"),
        ({"comunity": "public"}, "unknown field `comunity`"),
        ({"engine": "fast"}, "engine: is none of auto, own"),
        ({"wait": 60}, "wait: Expected `float` <= 5"),
    ],
)
def test_options_that_do_not_agree_are_told_in_words(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(WrongOptions, match=sentence):
        SnmpOptions.model_validate(options)


def test_passwords_and_community_are_not_shown() -> None:
    options = SnmpOptions.model_validate({"version": "3", "user": "u", "auth": "SHA", "priv": "AES", **PASSWORDS})
    community = SnmpOptions(community="not-public")
    shown = f"{options!r} {options} {community!r}"
    assert not any(secret in shown for secret in (*PASSWORDS.values(), "not-public"))


@pytest.mark.parametrize(
    ("address", "split"),
    [
        ("10.1.2.3", ("10.1.2.3", 161)),
        ("10.1.2.3:1161", ("10.1.2.3", 1161)),
        ("ups-1.branch.bank", ("ups-1.branch.bank", 161)),
        ("[::1]:1161", ("::1", 1161)),
        ("[fe80::1%eth0]", ("fe80::1%eth0", 161)),
        ("fe80::1", ("fe80::1", 161)),
    ],
)
def test_an_address_is_a_host_and_perhaps_a_port(address: str, split: tuple[str, int]) -> None:
    assert split_address(address) == split
    assert Snmp.check_address(address) is None


@pytest.mark.parametrize(
    "address", ["", ":161", "host:", "host:0", "host:70000", "[::1", "[::1]161", "a b", "-x", "a:b"]
)
def test_a_bad_address_is_refused(address: str) -> None:
    assert Snmp.check_address(address) == "is not HOST, HOST:PORT or [IPV6]:PORT"
