"""Cassettes: what their words mean by what they are for, their counts and their names."""

from typing import Any

import pytest

from drivers.atm.storage import Units, read_storage
from drivers.errors import Garbled

PAYS = {"cashOut": True, "cashIn": False}
TAKES = {"cashOut": False, "cashIn": True}
RECYCLES = {"cashOut": True, "cashIn": True}
KEEPS = {"reject": True, "cashOutRetract": True, "cashIn": False}
REFILLS = {"replenishment": True}


def unit(types: object = None, level: object = "ok", status: object = "ok", **more: object) -> dict[str, Any]:
    told = {"replenishmentStatus": level, **more}
    return {"status": status, "cash": {"configuration": {"types": types or {}}, "status": told}}


def read(low: int = 200, full: int = 0, **units: object) -> Units:
    return read_storage({"storage": units}, low, full)


@pytest.mark.parametrize(
    ("types", "said", "word"),
    [
        (PAYS, "low", "low"),
        (PAYS, "empty", "empty"),
        (PAYS, "full", "ok"),
        (PAYS, "high", "ok"),
        (TAKES, "empty", "ok"),
        (TAKES, "low", "ok"),
        (TAKES, "high", "high"),
        (TAKES, "full", "full"),
        (RECYCLES, "empty", "empty"),
        (RECYCLES, "full", "full"),
        (REFILLS, "empty", "ok"),
        (None, "empty", "empty"),
        (None, "full", "full"),
        (PAYS, "plenty", "unknown"),
        (PAYS, 3, "unknown"),
        (PAYS, None, "unknown"),
    ],
)
def test_how_full_a_cassette_is_by_what_it_is_for(types: object, said: object, word: str) -> None:
    assert read(a=unit(types, said)).parts == {"cassette.1": word}


@pytest.mark.parametrize(("said", "word"), [("empty", "ok"), ("high", "high"), ("full", "full"), (None, "unknown")])
def test_a_bin_for_retracted_notes_is_no_cassette(said: object, word: str) -> None:
    assert read(a=unit(KEEPS, said)).parts == {"retract.1": word}


@pytest.mark.parametrize("status", ["inoperative", "missing", "notConfigured", "manipulated"])
@pytest.mark.parametrize(("types", "key"), [(PAYS, "cassette.1"), (KEEPS, "retract.1")])
def test_a_broken_unit_is_that_however_full_it_is(status: str, types: object, key: str) -> None:
    assert read(a=unit(types, "ok", status)).parts == {key: status}


@pytest.mark.parametrize("status", ["gone", 1, ["ok"]])
def test_a_status_nobody_published_is_unknown(status: object) -> None:
    assert read(a=unit(PAYS, "ok", status)).parts == {"cassette.1": "unknown"}


@pytest.mark.parametrize(
    ("count", "word"), [(0, "empty"), (1, "low"), (199, "low"), (200, "ok"), (2399, "ok"), (2400, "full")]
)
def test_where_a_service_counts_and_has_no_word_the_bank_s_limits_make_one(count: int, word: str) -> None:
    units = read(full=2400, a=unit(RECYCLES, None, count=count))
    assert (units.parts, units.numbers) == ({"cassette.1": word}, {"cassette.count.1": count})


def test_its_own_word_goes_before_the_count() -> None:
    assert read(a=unit(RECYCLES, "ok", count=3)).parts == {"cassette.1": "ok"}


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ({"count": 7, "initial": {"n": {"fit": 100}}}, 7),
        ({"initial": {"unrecognized": 2, "n": {"fit": 90, "unfit": 8}}}, 100),
        ({"initial": {"cash": {"n": {"fit": 90}}}}, 90),
        ({"initial": {"n": {"fit": 90}}, "out": {"presented": {"n": {"fit": 20}}, "stacked": {"n": {"fit": 5}}}}, 70),
        ({"initial": {"n": {"fit": 90}}, "in": {"deposited": {"n": {"fit": 9}}, "retractOperations": 4}}, 99),
        ({"initial": {"n": {"fit": 9}}, "out": {"presented": {"n": {"fit": 20}}}}, 0),
        ({"initial": {"n": {"fit": 9, "unfit": None}}, "out": None, "in": None}, 9),
        ({"initial": {"n": {"fit": "many"}}}, None),
        ({"initial": {"n": {"fit": -1}}}, None),
        ({"initial": {"n": 1.5}}, None),
        ({"initial": {"a": {"b": {"c": {"d": 1}}}}}, None),
        ({"initial": None}, None),
        ({"out": {"presented": {"n": {"fit": 20}}}}, None),
        ({"count": -1}, None),
        ({"count": True}, None),
        ({"count": 10**12}, None),
    ],
)
def test_a_count_is_the_service_s_or_follows_from_its_counts_or_is_not_known(
    counts: dict[str, object], total: int | None
) -> None:
    assert read(a=unit(PAYS, "ok", **counts)).numbers == ({} if total is None else {"cassette.count.1": total})


def test_cassettes_have_the_service_s_own_numbers() -> None:
    units = read(a=unit(PAYS, "low", index=4), b=unit(PAYS, "ok", index=2), c=unit(KEEPS, "full", index=1))
    assert units.parts == {"cassette.4": "low", "cassette.2": "ok", "retract.1": "full"}


@pytest.mark.parametrize("index", [2, None, 0, -1, "1", True, 10**9])
def test_numbers_that_are_missing_or_doubled_give_way_to_the_order(index: object) -> None:
    units = read(a=unit(PAYS, "low", index=2), b=unit(PAYS, "empty", index=index))
    assert units.parts == {"cassette.1": "low", "cassette.2": "empty"}


def test_a_cassette_is_called_by_what_is_in_it_and_where_it_is() -> None:
    one = unit(PAYS, index=1)
    one["cash"]["configuration"] |= {"currency": "CNY", "value": 100.0}
    two = unit(RECYCLES, index=2, operationStatus="depositInoperative")
    units = read(a={**one, "positionName": "Top\nLeft", "serialNumber": "S1"}, unit7=two)
    assert units.texts == {"cassette.1": "CNY 100 · Top Left · S1", "cassette.2": "depositInoperative"}
    assert read(unit7=unit(PAYS)).texts == {"cassette.1": "unit7"}


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e9, -1.0, 0, True], ids=lambda value: str(value)[:5])
def test_a_value_no_banknote_has_is_left_out(value: object) -> None:
    one = unit(PAYS)
    one["cash"]["configuration"] |= {"currency": "CNY", "value": value}
    assert read(a={**one, "serialNumber": "S1"}).texts == {"cassette.1": "S1"}


def test_units_without_cash_are_left_out_and_what_is_no_unit_is_unknown() -> None:
    card = {"status": "ok", "card": {"status": {"replenishmentStatus": "full"}}}
    assert read(a=card, b=unit(PAYS, "low"), c=7).parts == {"cassette.1": "low", "cassette.2": "unknown"}


@pytest.mark.parametrize("payload", [{}, {"storage": None}, {"storage": []}])
def test_an_answer_without_storage_is_garbled(payload: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        read_storage(payload, 200, 0)


def test_more_units_than_a_machine_has_are_not_read() -> None:
    storage = {f"unit{number}": unit(PAYS) for number in range(1000)}
    assert len(read_storage({"storage": storage}, 200, 0).parts) == 32
