"""Ranges as people write them, and as they must not be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.discover.known import Known, split_host
from agent.discover.ranges import MOST, Place, read_ranges
from agent.typed import Bad

pytestmark = pytest.mark.usefixtures("english")


@pytest.mark.parametrize(
    ("text", "first", "last", "size"),
    [
        ("10.66.1.0/24", "10.66.1.1", "10.66.1.254", 254),
        ("10.66.1.7/24", "10.66.1.1", "10.66.1.254", 254),
        ("10.66.1.6/31", "10.66.1.6", "10.66.1.7", 2),
        ("10.66.1.7", "10.66.1.7", "10.66.1.7", 1),
        ("10.66.1.10-10.66.2.9", "10.66.1.10", "10.66.2.9", 256),
        (" 10.66.1.10 - 90 ", "10.66.1.10", "10.66.1.90", 81),
        ("10.66.1.7:1161", "10.66.1.7:1161", "10.66.1.7:1161", 1),
        ("10.66.1.0/30:1161", "10.66.1.1:1161", "10.66.1.2:1161", 2),
        ("2001:db8::10-2001:db8::1f", "2001:db8::10", "2001:db8::1f", 16),
        ("[2001:db8::1]:161", "[2001:db8::1]:161", "[2001:db8::1]:161", 1),
        ("2001:db8::/120", "2001:db8::", "2001:db8::ff", 256),
    ],
)
def test_a_range_is_its_addresses(text: str, first: str, last: str, size: int) -> None:
    places = [place.address for place in read_ranges([text])]
    assert (places[0], places[-1], len(places)) == (first, last, size)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("10.0.0.0/8", "16777214 addresses"),
        ("2001:db8::/64", "addresses"),
        ("10.66.1.90-10", "ends before it begins"),
        ("10.66.1", "is not a range"),
        ("10.66.1.300", "is not a range"),
        ("ups.branch", "is not a range"),
        ("10.66.1.1-2001:db8::1", "is not a range"),
        ("10.66.1.1:0", "a port is 1 to 65535"),
        ("10.66.1.1:99999", "a port is 1 to 65535"),
        ("224.0.0.1", "no address of one machine"),
        ("0.0.0.0", "no address of one machine"),
        ("255.255.255.0-255.255.255.255", "no address of one machine"),
        ("", "is not a range"),
    ],
)
def test_what_is_no_range_is_said_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(Bad, match=sentence) as bad:
        read_ranges([text])
    assert "\n" not in str(bad.value)


def test_ranges_count_together_and_an_address_once() -> None:
    assert len(read_ranges(["10.66.1.1-9", "10.66.1.5-12"])) == 12
    with pytest.raises(Bad, match="with the others"):
        read_ranges(["10.66.0.0/20", "10.67.0.0/24"])


@settings(deadline=None)
@given(st.text(alphabet="0123456789.:/-[]abf ") | st.text())
def test_any_text_is_a_range_or_told(text: str) -> None:
    try:
        places = read_ranges([text])
    except Bad as bad:
        assert str(bad).isprintable()  # noqa: PT017  (either is right)
    else:
        assert 0 < len(places) <= MOST


def test_what_is_polled_already_is_known_in_any_spelling() -> None:
    known = Known(
        polled=frozenset({("snmp", "10.66.1.11"), ("snmp", "[2001:DB8:0::1]:161"), ("reach", "10.66.1.1:22")})
    )
    assert known.has("snmp", Place("10.66.1.11"))
    assert known.has("snmp", Place("10.66.1.11", 1161))
    assert known.has("snmp", Place("2001:db8::1"))
    assert known.has("snmp", Place("2001:db8::1", 161))
    assert not known.has("snmp", Place("2001:db8::1", 1161))
    assert not known.has("snmp", Place("10.66.1.1"))
    assert not known.has("atm/xfs4iot", Place("10.66.1.11"))


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("10.66.1.11", "10.66.1.11", None),
        ("10.66.1.11:161", "10.66.1.11", 161),
        ("wss://10.66.1.11:5846/xfs4iot/v1.0", "10.66.1.11", 5846),
        ("2001:db8::1", "2001:db8::1", None),
        ("ups.branch:161", "ups.branch", 161),
        ("COM3", "com3", None),
        ("[", "[", None),
    ],
)
def test_the_host_of_an_address(address: str, host: str, port: int | None) -> None:
    assert split_host(address) == (host, port)
