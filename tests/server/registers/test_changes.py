"""No row that writes itself claims more than its source: whatever two sheets say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.registers.changes import changes, newer
from server.schemas.registers import Outcome

VERSIONS = st.sampled_from(["", "1", "1.0", "1.10", "1.9", "27100", "6.1.0-18-amd64", "1:2-3", "第二版"])
TIMES = st.integers(0, 3)
PRODUCTS = st.sampled_from(["ClamAV", "趋势", "火绒"])


@st.composite
def antivirus(draw: st.DrawFn) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for number in range(1, 1 + draw(st.integers(0, 3))):
        said[f"av.{number}.product"] = draw(PRODUCTS)
        for name in draw(st.sets(st.sampled_from(["library", "version", "engine"]))):
            said[f"av.{number}.{name}"] = draw(VERSIONS | st.booleans() | st.just(["x"]))
        if draw(st.booleans()):
            said[f"av.{number}.library_at"] = draw(TIMES | st.booleans())
    return said


LISTS = st.lists(st.sampled_from(["KB1", "KB2", "KB3"]), unique=True)
SOFTWARE = st.lists(st.builds("{}\t{}".format, st.sampled_from("ab"), VERSIONS), max_size=4)
SHEETS = {
    "antivirus": antivirus(),
    "host": st.fixed_dictionaries({}, optional={"os.build": VERSIONS | st.just(7), "kernel": VERSIONS}),
    "updates": st.fixed_dictionaries({}, optional={"updates.qfe": LISTS | st.just("KB1"), "file.srv.sys": VERSIONS}),
    "software": st.fixed_dictionaries({}, optional={"software": SOFTWARE | st.just(0)}),
}


@pytest.mark.parametrize("topic", list(SHEETS))
@given(st.data())
def test_a_row_says_what_both_sheets_say_and_no_more(topic: str, data: st.DataObject) -> None:
    before, after = data.draw(SHEETS[topic]), data.draw(SHEETS[topic])
    texts = _texts(after)
    for change in changes(topic, before, after, packaged=True):
        assert not change.library or change.library in texts
        assert change.library_at is None or change.library_at in texts
        for one in change.patch.split("、") if change.patch else ():
            assert one in texts
            assert (topic in ("host", "updates") and one not in _texts(before)) or topic == "software" or one in texts
        back = list(changes(topic, after, before, packaged=True))
        if change.outcome in (Outcome.UPDATED, Outcome.REVERTED) and topic != "updates":
            # what is newer one way is older the other way, and never newer both ways
            assert {Outcome.UPDATED: Outcome.REVERTED, Outcome.REVERTED: Outcome.UPDATED}[change.outcome] in [
                one.outcome for one in back if one.item == change.item
            ]


@pytest.mark.parametrize("topic", list(SHEETS))
@given(st.data())
def test_what_one_sheet_lacks_makes_no_row(topic: str, data: st.DataObject) -> None:
    sheet = data.draw(SHEETS[topic])
    assert list(changes(topic, {}, sheet, packaged=True)) == []
    assert list(changes(topic, sheet, {}, packaged=True)) == []
    assert list(changes(topic, sheet, dict(reversed(sheet.items())), packaged=True)) == []


def _texts(sheet: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for value in sheet.values():
        if isinstance(value, list):
            found += [part for one in value for part in (one, *one.split("\t"))]
        else:
            found.append(value)
    return found


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ("1.9", "1.10", "updated"),
        ("19045.4046", "19045.3930", "reverted"),
        ("1.0", "1", "changed"),
        ("6.1.0-18-amd64", "6.1.0-21-amd64", "changed"),
    ],
)
def test_newer_is_said_of_plain_numbers_alone(before: str, after: str, outcome: str) -> None:
    assert newer(before, after) == outcome


def test_products_that_change_places_are_the_same_products() -> None:
    one = {"av.1.product": "ClamAV", "av.1.library": "5", "av.2.product": "火绒", "av.2.library": "9"}
    other = {"av.1.product": "火绒", "av.1.library": "9", "av.2.product": "ClamAV", "av.2.library": "6"}
    [row] = changes("antivirus", one, other)
    assert (row.item["zh"], row.library, row.outcome) == ("病毒库：ClamAV", "6", "updated")
