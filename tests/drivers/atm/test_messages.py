"""XFS4IoT messages of both generations, and any other bytes."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.atm.message import COMMANDS, GET_STORAGE, STATUS, Message, command, parse
from drivers.errors import Garbled

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
KINDS = st.sampled_from(["acknowledge", "completion", "event", "unsolicited", "command", "", "x"])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "type": KINDS | JSON,
        "name": st.sampled_from(sorted(COMMANDS)) | JSON,
        "requestId": st.integers() | JSON,
        "completionCode": JSON,
        "status": JSON,
        "errorDescription": JSON,
    },
)


def test_a_command_of_the_later_generation_has_its_timeout_in_the_header() -> None:
    assert msgspec.json.decode(command(STATUS, 7, "2.0", 4)) == {
        "header": {"type": "command", "name": "Common.Status", "requestId": 7, "version": "2.0", "timeout": 4000}
    }


def test_a_command_of_2021_has_its_timeout_in_the_payload() -> None:
    assert msgspec.json.decode(command(GET_STORAGE, 8, "1.0", 0.4)) == {
        "header": {"type": "command", "name": "Storage.GetStorage", "requestId": 8, "version": "1.0"},
        "payload": {"timeout": 400},
    }


@pytest.mark.parametrize("name", ["CardReader.Reset", "CashDispenser.Dispense", "Common.GetCommandNonce", ""])
def test_no_other_command_can_be_made(name: str) -> None:
    with pytest.raises(ValueError, match="never sent"):
        command(name, 1, "2.0", 4)


# The header of this one is from KAL's own unit tests (CardAcceptedTest.cs).
COMPLETION = b"""{"header":{"name":"CardReader.ReadRawData","requestId":123456,"type":"completion","version":"3.0",
"completionCode":"success","errorDescription":"OK"},"payload":{"track1":{"data":"MTIzNDU2Nzg5"}}}"""
EVENT = b'{"header":{"name":"CardReader.MediaInsertedEvent","requestId":123456,"type":"event","version":"2.0"}}'


def test_a_completion_of_the_later_generation() -> None:
    read = parse(COMPLETION)
    assert (read.kind, read.name, read.request) == ("completion", "CardReader.ReadRawData", 123456)
    assert (read.code, read.description) == ("success", "OK")
    assert read.payload == {"track1": {"data": "MTIzNDU2Nzg5"}}


def test_an_event_of_a_command_is_no_news() -> None:
    assert parse(EVENT) == Message("event", "CardReader.MediaInsertedEvent", 123456, {})
    assert not parse(EVENT).is_news


def test_a_completion_of_2021_has_its_code_in_the_payload() -> None:
    told = {"completionCode": "deviceNotReady", "errorDescription": "door", "common": {"device": "offline"}}
    head = {"name": "Common.Status", "requestId": 7, "type": "completion", "version": "1.0"}
    read = parse(msgspec.json.encode({"header": head, "payload": told}))
    assert (read.code, read.description) == ("deviceNotReady", "door")


@pytest.mark.parametrize(
    ("header", "payload", "refusal"),
    [
        ({}, None, ""),
        ({"status": None}, None, ""),
        ({}, {"status": "ok"}, ""),
        ({}, {"status": "tooManyRequests"}, "tooManyRequests"),
        ({"status": "invalidMessage"}, None, "invalidMessage"),
        ({"status": 3}, None, "3"),
    ],
)
def test_an_acknowledgement_says_no_in_either_place(header: object, payload: object, refusal: str) -> None:
    head = {"name": "Common.Status", "requestId": 7, "type": "acknowledge", **dict(header)}  # type: ignore[call-overload]
    assert parse(msgspec.json.encode({"header": head, "payload": payload})).refusal == refusal


@pytest.mark.parametrize(
    ("name", "news"),
    [
        ("Common.StatusChangedEvent", True),
        ("Common.ErrorEvent", True),
        ("Storage.StorageThresholdEvent", True),
        ("Storage.CountsChangedEvent", True),
        ("Printer.PaperThresholdEvent", True),
        ("Printer.RetractBinStatusEvent", True),
        ("CardReader.MediaRemovedEvent", True),
        ("CashManagement.SafeDoorOpenEvent", True),
        ("Auxiliaries.AuxiliaryStatusEvent", True),
        ("VendorMode.ModeEnteredEvent", True),
        ("CashManagement.ItemsTakenEvent", False),
        ("Keyboard.KeyEvent", False),
        ("Common.NonceClearedEvent", False),
        ("x Common.StatusChangedEvent", False),
    ],
)
def test_what_is_told_unasked_is_news_if_a_poll_would_read_something_else(name: str, news: bool) -> None:
    assert Message("unsolicited", name, None, {}).is_news == news


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"header":[]}',
        b'{"header":{"type":"completion"}}',
        b'{"header":{"type":1,"name":"Common.Status"}}',
        b'{"header":{"type":"completion","name":"Common.Status","requestId":"7"}}',
        b'{"header":{"type":"completion","name":"Common.Status","requestId":true}}',
        b'{"header":{"type":"completion","name":"Common.Status"},"payload":[]}',
        b'{"header":' * 100_000,
        b"[" * 200_000,
    ],
    ids=lambda frame: frame[:40].decode(errors="replace"),
)
def test_what_is_no_message_is_garbled_and_kept(frame: bytes) -> None:
    with pytest.raises(Garbled) as garbled:
        parse(frame)
    assert garbled.value.raw == frame[:4096]


def test_lists_within_lists_are_a_message_or_garbled_at_any_depth() -> None:
    """Some are just not too deep to be read, and too deep to be written."""
    head = b'{"header":{"type":"completion","name":"Common.Status","completionCode":'
    for depth in range(500, 1200):
        with suppress(Garbled):
            assert parse(head + b"[" * depth + b"]" * depth + b"}}").code == "list"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_garbled(frame: bytes) -> None:
    with suppress(Garbled):
        parse(frame)


@given(HEADERS, JSON)
def test_any_header_and_payload_are_a_message_or_garbled(header: object, payload: object) -> None:
    with suppress(Garbled):
        read = parse(msgspec.json.encode({"header": header, "payload": payload}))
        assert all(isinstance(text, str) for text in (read.kind, read.name, read.code, read.refusal, read.description))
