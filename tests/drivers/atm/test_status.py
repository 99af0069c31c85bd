"""What a status means: every published word, the word of the whole machine, and any other JSON."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.atm.address import services
from drivers.atm.status import Said, machine_word, read_status, table, together
from drivers.atm.storage import read_storage
from drivers.base import DeviceWord
from drivers.catalogue import catalogue
from drivers.errors import Garbled

Published = Mapping[str, Mapping[str, set[str]]]
NOT_KNOWN = {"unknown", "undefined", "doorUnknown"}
PLACES = [row.of for row in table().part]


@pytest.mark.parametrize("place", PLACES)
def test_every_published_word_is_read_and_no_other(place: str, published: Published) -> None:
    rows = [row for row in table().part if row.of == place]
    words = published["later"].get(place, set()) | published["old"].get(place, set())
    assert words, "the standard has no such property"
    for row in rows:
        assert set(row.words) == words - NOT_KNOWN - table().none


def test_a_status_that_was_checked_against_the_schema_of_2021() -> None:
    said = read_status(
        "CardReader1",
        {
            "completionCode": "success",
            "common": {
                "device": "online",
                "devicePosition": "inPosition",
                "powerSaveRecoveryTime": 0,
                "antiFraudModule": "ok",
                "exchange": "inactive",
                "endToEndSecurity": "notSupported",
            },
            "cardReader": {
                "media": "notPresent",
                "security": "notSupported",
                "chipPower": "noCard",
                "chipModule": "ok",
                "magWriteModule": "ok",
                "frontImageModule": "notSupported",
                "backImageModule": "notSupported",
            },
        },
    )
    assert said.device is DeviceWord.ONLINE
    assert said.needed
    assert not said.has_cash
    assert said.parts == {
        "module.CardReader1": "ok",
        "antiFraud": "ok",
        "exchange": "inactive",
        "card": "none",
        "module.chip": "ok",
        "module.magWrite": "ok",
    }


@pytest.mark.parametrize(
    ("payload", "parts"),
    [
        ({"cardReader": {"media": "latched"}}, {"card": "present"}),
        ({"cardReader": {"media": "swallowed"}}, {"card": "unknown"}),
        ({"cardReader": {"media": 7}}, {"card": "unknown"}),
        ({"cardReader": {"media": ["present"]}}, {"card": "unknown"}),
        ({"cardReader": {"media": None}}, {}),
        ({"cardReader": {}}, {}),
        ({"cardReader": "present"}, {}),
        ({"cardReader": None}, {}),
        ({"printer": {"paper": {"upper": "low", "lower": "notSupported"}}}, {"paper.upper": "low"}),
        ({"printer": {"paper": {"a.b/c": "out"}}}, {"paper.1": "out"}),
        ({"printer": {"retractBins": [{"state": "ok"}, {"state": "full"}]}}, {"retract.1": "ok", "retract.2": "full"}),
        (
            {"cashDispenser": {"positions": [{"position": "outLeft", "shutter": "jammedOpen"}, {"shutter": "open"}]}},
            {"shutter.outLeft": "jammed", "shutter.2": "open"},
        ),
        (
            {
                "cashDispenser": {"positions": [{"transport": "inoperative"}, {"transport": "ok"}]},
                "cashAcceptor": {"positions": [{"transport": "unknown"}]},
            },
            {"module.transport": "fault"},
        ),
        ({"cashManagement": {"safeDoor": "doorOpen", "dispenser": "stop"}}, {"safe": "open", "dispenser": "stop"}),
        ({"keyManagement": {"encryptionState": "undefined"}}, {"encryptor": "unknown"}),
        (
            {"auxiliaries": {"tamperSensor": "on", "safeDoor": "tampered"}},
            {"alarm.tamper": "present", "safe": "tampered"},
        ),
        ({"vendorMode": {"service": "active"}}, {"vendorMode": "active"}),
    ],
)
def test_the_parts_of_a_service(payload: dict[str, Any], parts: dict[str, str]) -> None:
    said = read_status("A", {"common": {"device": "online"}, **payload})
    assert said.parts == {"module.A": "ok", **parts}


@pytest.mark.parametrize(
    ("common", "device", "module"),
    [
        ({"device": "deviceBusy"}, "deviceBusy", "ok"),
        ({"device": "noDevice"}, "noDevice", "ok"),
        ({"device": "starting"}, "starting", "attention"),
        ({"device": "hardwareError"}, "hardwareError", "fault"),
        ({"device": "online", "devicePosition": "notInPosition"}, "online", "attention"),
        ({"device": "online", "devicePosition": "inPosition"}, "online", "ok"),
        ({"device": "online", "devicePosition": "notSupported"}, "online", "ok"),
        ({"device": "online", "devicePosition": None}, "online", "ok"),
        ({"device": "online", "devicePosition": "unknown"}, "online", "unknown"),
        ({"device": "online", "devicePosition": "InPosition"}, "online", "unknown"),
        ({"device": "online", "devicePosition": ["inPosition"]}, "online", "unknown"),
        ({"device": "starting", "devicePosition": "unknown"}, "starting", "unknown"),
        ({"device": "hardwareError", "devicePosition": "unknown"}, "hardwareError", "fault"),
        ({"device": "noDevice", "devicePosition": "unknown"}, "noDevice", "ok"),
        ({"device": "onLine"}, "unknown", "unknown"),
        ({"device": "inUse"}, "unknown", "unknown"),
        ({"device": None}, "unknown", "unknown"),
        ({"device": {"online": True}}, "unknown", "unknown"),
    ],
)
def test_the_device_word_of_a_service(common: dict[str, Any], device: str, module: str) -> None:
    said = read_status("A", {"common": common})
    assert (said.device, said.parts) == (device, {"module.A": module})


def test_a_device_word_of_lists_within_lists_is_unknown() -> None:
    """However deep: deeper than Python can write it."""
    device: list[Any] = []
    for _ in range(100_000):
        device = [device]
    said = read_status("A", {"common": {"device": device}})
    assert (said.parts, said.texts) == ({"module.A": "unknown"}, {"module.A": "list"})


@pytest.mark.parametrize("payload", [{}, {"common": {}}, {"common": "online"}, {"common": None}])
def test_a_status_without_a_device_word_is_garbled(payload: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        read_status("A", payload)


@pytest.mark.parametrize(
    ("needed", "others", "machine"),
    [
        ("online online", "online", "online"),
        ("deviceBusy online", "", "online"),
        ("hardwareError online", "online", "hardwareError"),
        ("hardwareError fraudAttempt", "", "fraudAttempt"),
        ("offline hardwareError", "", "hardwareError"),
        ("unknown hardwareError", "", "hardwareError"),
        ("unknown online", "online", "unknown"),
        ("unknown starting", "", "unknown"),
        ("potentialFraud unknown", "", "potentialFraud"),
        ("starting online", "", "starting"),
        ("online online", "hardwareError offline unknown", "online"),
        ("online", "fraudAttempt", "fraudAttempt"),
        ("hardwareError", "potentialFraud", "hardwareError"),
        ("noDevice online", "", "online"),
        ("noDevice", "noDevice", "noDevice"),
        ("noDevice", "offline", "offline"),
        ("", "online hardwareError", "hardwareError"),
        ("", "", "noDevice"),
    ],
)
def test_the_word_of_the_machine_is_the_gravest_a_customer_feels(needed: str, others: str, machine: str) -> None:
    said = [Said("a", DeviceWord(word), True) for word in needed.split()]
    said += [Said("b", DeviceWord(word), False) for word in others.split()]
    assert machine_word(said) == machine


def test_what_two_services_have_stands_under_their_names() -> None:
    parts = {"card": "none", "paper.upper": "low", "safe": "closed"}
    numbers = {"cassette.count.1": 5.0}
    one = Said("A", DeviceWord.ONLINE, True, parts, numbers)
    two = Said("B", DeviceWord.ONLINE, True, {"card": "present", "paper.upper": "full"}, numbers)
    merged = together([one, two], "parts")
    assert merged == {
        "card.A": "none",
        "card.B": "present",
        "paper.A-upper": "low",
        "paper.B-upper": "full",
        "safe": "closed",
    }
    assert together([one, two], "numbers") == {"cassette.count.A-1": 5.0, "cassette.count.B-1": 5.0}
    assert all(catalogue().find_part(key) for key in merged)
    assert catalogue().find_number("cassette.count.A-1")


@pytest.mark.parametrize(
    ("names", "key"),
    [
        ("CardReader1", "card"),
        ("A", "card"),
        ("CardReader1 Printer1 CashRecycler1 PinPad1 Auxiliaries1 VendorMode1 Lights TextTerminal Camera", "card"),
        ("cardreader barcodereader", "card"),
        ("CardReader1 CardReader2", "card.CardReader1"),
        ("Dip_Card-Reader CARDREADER", "card.Dip_Card-Reader"),
        ("CardReader1 Siu", "card.CardReader1"),
        ("A CardReader1", "card.A"),
        ("CashDispenser CashAcceptor", "card.CashDispenser"),
    ],
)
def test_what_a_part_is_called_follows_from_the_names_of_the_services(names: str, key: str) -> None:
    """That of the first here; the others are silent."""
    first, *others = (Said(name, DeviceWord.UNKNOWN, True) for name in names.split())
    first = replace(first, parts={f"module.{first.name}": "ok", "card": "none"}, texts={f"module.{first.name}": "x"})
    assert together([first, *others], "parts") == {f"module.{first.name}": "ok", key: "none"}
    assert together([first, *others], "texts") == {f"module.{first.name}": "x"}


def test_what_is_of_the_whole_machine_is_the_gravest_that_was_said() -> None:
    words = ("inactive", "unknown", "active")
    said = [Said(name, DeviceWord.ONLINE, True, {"exchange": word}) for name, word in zip("ABC", words, strict=True)]
    assert together(said, "parts") == {"exchange": "unknown"}
    assert together(said[:1], "parts") == {"exchange": "inactive"}


# -- any JSON -------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


def _tree(places: list[str]) -> st.SearchStrategy[Any]:
    """Objects with the properties of `places`, each with a published word, another, or anything."""
    heads = {place.partition(".")[0] for place in places}
    below = {head: [place.partition(".")[2] for place in places if place.partition(".")[0] == head] for head in heads}
    words = st.sampled_from(["ok", "low", "unknown", "jammed", "notSupported", "open", "稀奇", "", "doorOpen"])
    grown = {head: _tree([rest for rest in rests if rest]) if any(rests) else words for head, rests in below.items()}
    if set(grown) == {"*"}:
        return st.lists(grown["*"] | JSON, max_size=3) | st.dictionaries(st.text(max_size=8), grown["*"], max_size=3)
    return st.fixed_dictionaries({}, optional={head: inner | JSON for head, inner in grown.items()})


@given(_tree([*PLACES, "common.device"]))
def test_any_status_gives_known_parts_or_is_garbled(payload: Any) -> None:
    with suppress(Garbled):
        said = read_status("A", payload)
        for key, word in said.parts.items():
            part = catalogue().find_part(key)
            assert part is not None
            assert word in part.words


UNITS = [
    "status",
    "positionName",
    "cash.status.replenishmentStatus",
    "cash.status.index",
    "cash.status.count",
    "cash.status.initial.note.fit",
    "cash.status.in.deposited.note",
    "cash.status.out.presented",
    "cash.configuration.types.cashIn",
    "cash.configuration.types.cashOut",
    "cash.configuration.types.reject",
    "cash.configuration.currency",
    "cash.configuration.value",
]


@given(st.dictionaries(st.text(max_size=8), _tree(UNITS) | JSON, max_size=4) | JSON)
def test_any_storage_gives_known_parts_and_counts_or_is_garbled(storage: Any) -> None:
    with suppress(Garbled):
        units = read_storage({"storage": storage}, 200, 0)
        for key, word in units.parts.items():
            part = catalogue().find_part(key)
            assert part is not None
            assert word in part.words
        assert all(catalogue().find_number(key) and number >= 0 for key, number in units.numbers.items())
        assert all(text.isprintable() and len(text) <= 255 for text in units.texts.values())


@given(JSON | st.lists(st.fixed_dictionaries({"serviceURI": JSON | st.text(max_size=20).map("ws://a:5847/{}".format)})))
def test_any_list_of_services_is_read_and_none_is_elsewhere(told: Any) -> None:
    found = services("ws://10.1.2.3:5846/xfs4iot/v1.0", told)
    assert len(found) <= 16
    assert all(url == "" or url.startswith(("ws://10.1.2.3:", "wss://10.1.2.3:")) for url in found.values())
