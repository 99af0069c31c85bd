"""The table of drivers, and what it says of them without importing one."""

from drivers.base import TellsFacts
from drivers.registry import BUILT_IN, TELL_FACTS, TELL_OF_OTHERS, find


def test_those_that_tell_facts_are_named() -> None:
    assert {name for name in BUILT_IN if issubclass(find(name), TellsFacts)} == TELL_FACTS | TELL_OF_OTHERS
