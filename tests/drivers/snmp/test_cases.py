"""Every case in tests/drivers/cases/snmp, served on a real port, gives the reading that stands beside it."""

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, Reading

CASES = sorted(path for path in (Path(__file__).parents[1] / "cases" / "snmp").iterdir() if path.is_dir())
EXPECTED = {case: tomllib.loads((case / "expected.toml").read_text(encoding="utf-8")) for case in CASES}
ASKED = [(case, version) for case in CASES for version in EXPECTED[case].get("versions", ["1", "2c"])]

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]


@pytest.mark.parametrize(("case", "version"), ASKED, ids=lambda one: one.name if isinstance(one, Path) else str(one))
async def test_a_case_gives_the_reading_beside_it(
    case: Path, version: str, start: Start, driver: Make, poll: Poll
) -> None:
    expected = EXPECTED[case]
    _, address = await start("snmp", {"version": version, "recording": str(case / "device.snmprec")})
    options = {"profile": expected["profile"], "version": version, **expected.get("options", {})}
    polled = driver("snmp", address, **options)
    for reading in (await poll(polled), await poll(polled)):  # as it was found, and as it is asked again
        assert reading.device == expected["device"]
        assert reading.parts == expected["parts"]
        assert reading.numbers == expected["numbers"]
        assert reading.texts == expected.get("texts", {})
        assert reading.identity == expected["identity"]
        if "raw" in expected:
            assert reading.raw == {key: octets.encode("latin-1") for key, octets in expected["raw"].items()}


def test_there_are_cases() -> None:
    assert len(CASES) >= 12
