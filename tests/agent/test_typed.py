"""Options as a person types them into one word of a command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.typed import pairs, parted, value_of

pytestmark = pytest.mark.usefixtures("english")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("snmp", ["snmp"]),
        ("snmp,profile=ups", ["snmp", "profile=ups"]),
        ('snmp,ports=["1","2"],version=1', ["snmp", 'ports=["1","2"]', "version=1"]),
        ('snmp,auth_password="a,b\\",c",user=x', ["snmp", 'auth_password="a,b\\",c"', "user=x"]),
        ('snmp,community="half,of', ["snmp", 'community="half', "of"]),
        ("", []),
    ],
)
def test_a_comma_in_quotes_or_brackets_parts_nothing(typed: str, said: list[str]) -> None:
    assert parted(typed) == said


def test_a_list_typed_on_a_command_line_is_a_list() -> None:
    said = pairs(parted('stations=["receipt","slip"]'))
    assert {key: value_of(text) for key, text in said.items()} == {"stations": ["receipt", "slip"]}


@given(st.text(alphabet='ab,"[]\\='))
def test_nothing_but_commas_is_lost(typed: str) -> None:
    assert "".join(parted(typed)).replace(",", "") == typed.replace(",", "")
