"""Octets: pysnmp and the simulator's own BER mean the same by them, and what is damaged or old is not believed."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder
from pyasn1.type import univ
from pysnmp.proto import rfc1901
from pysnmp.proto.api import v2c

from drivers.sim.snmp_ber import BULK, GET, NEXT, encode, encode_response, parse_request
from drivers.sim.snmp_devices import build
from drivers.sim.snmp_v3 import SecuredEnd
from drivers.sim.snmp_view import View
from drivers.snmp.ber import BadMessage, Reader
from drivers.snmp.message import (
    FIRST_ID,
    LAST_ID,
    Answer,
    Kind,
    Question,
    encode_community,
    open_message,
    read_community,
)
from drivers.snmp.usm import CIPHERS, Header, Keyring, User, Usm, _cipher, _decrypt, _encrypt, read_header, report_of

ids = st.integers(FIRST_ID, LAST_ID)
oids = st.lists(st.integers(0, 2**32 - 1), max_size=12).map(lambda rest: (1, 3, *rest))
values = st.one_of(
    st.tuples(st.just("integer"), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.sampled_from(["counter", "gauge", "ticks"]), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("octets"), st.binary(max_size=300)),
    st.tuples(st.just("oid"), oids),
)


@given(st.sampled_from(Kind), st.lists(oids, max_size=8), ids, st.integers(0, 50), st.binary(max_size=40))
def test_a_question_is_read_as_it_was_asked(
    kind: Kind, asked: list[tuple[int, ...]], request_id: int, repeats: int, community: bytes
) -> None:
    octets = encode_community("2c", community, Question(kind, tuple(asked), repeats).pdu(request_id))
    request = parse_request(octets)
    assert request.kind == {Kind.GET: GET, Kind.NEXT: NEXT, Kind.BULK: BULK}[kind]
    assert (request.version, request.community, request.request_id) == (1, community, request_id)
    assert request.oids == asked
    if kind is Kind.BULK:
        assert (request.first, request.repeats) == (0, repeats)


Said = list[tuple[tuple[int, ...], tuple[str, int | bytes | tuple[int, ...]]]]


def respond(said: Said, request_id: int, version: str) -> bytes:
    request = parse_request(encode_community(version, b"c", Question(Kind.GET, ()).pdu(request_id)))
    return encode_response(request, [(oid, encode(kind, value)) for oid, (kind, value) in said])


def ours(octets: bytes) -> Answer:
    version, message = open_message(octets)
    assert version in (0, 1)
    return read_community(message)


def pysnmps(octets: bytes) -> tuple[int, int, int, list[Any]] | None:
    """The same by pysnmp's classes; None if it does not take them."""
    try:
        message, rest = decoder.decode(octets, asn1Spec=rfc1901.Message())
        pdu = message[2].getComponent()
        if rest or not isinstance(pdu, v2c.ResponsePDU):
            return None
        said = [(name.asTuple(), _plain(value)) for name, value in v2c.apiPDU.get_varbinds(pdu)]
        return int(pdu[0]), int(pdu[1]), int(pdu[2]), said
    except Exception:  # it raises what it likes
        return None


def _plain(value: Any) -> object:
    if isinstance(value, univ.Null):
        return None
    if isinstance(value, univ.ObjectIdentifier):
        return value.asTuple()
    return value.asOctets() if isinstance(value, univ.OctetString) else int(value)


@given(st.lists(st.tuples(oids, values), max_size=8), ids, st.sampled_from(["1", "2c"]))
def test_an_answer_is_read_as_it_was_given_and_as_pysnmp_reads_it(said: Said, request_id: int, version: str) -> None:
    octets = respond(said, request_id, version)
    answer = ours(octets)
    assert (answer.request_id, answer.status) == (request_id, 0)
    assert answer.said == [(oid, value) for oid, (_, value) in said]
    assert pysnmps(octets) == (answer.request_id, answer.status, answer.index, answer.said)


@given(st.binary(max_size=120))
def test_any_octets_are_a_message_or_a_bad_message(octets: bytes) -> None:
    try:
        _, message = open_message(octets)
        read_community(message)
    except BadMessage:
        pass


@given(st.lists(st.tuples(oids, values), min_size=1, max_size=4), st.data())
def test_a_damaged_answer_is_bad_or_means_what_pysnmp_takes_it_for(said: Said, data: st.DataObject) -> None:
    octets = bytearray(respond(said, FIRST_ID, "2c"))
    place = data.draw(st.integers(0, len(octets) - 1))
    octets[place] = data.draw(st.integers(0, 255))
    cut = bytes(octets[: data.draw(st.integers(0, len(octets)))])
    for damaged in (bytes(octets), cut):
        try:
            version, message = open_message(damaged)
            answer = read_community(message) if version != 3 else None
        except BadMessage:
            continue
        theirs = pysnmps(damaged)
        if theirs is not None and answer is not None:
            assert theirs == (answer.request_id, answer.status, answer.index, answer.said)


@pytest.mark.parametrize(
    ("octets", "value"),
    [("4104ffffffff", 2**32 - 1), ("4204fffffffe", 2**32 - 2), ("4609008000000000000000", 2**63), ("0201ff", -1)],
)
def test_a_counter_is_never_negative_even_where_a_card_encodes_it_so(octets: str, value: int) -> None:
    assert Reader(bytes.fromhex(octets)).value() == value


@pytest.fixture(scope="module")
def secured() -> SecuredEnd:
    return SecuredEnd(
        {
            "user": "watcher",
            "auth": "SHA-256",
            "auth_password": "authpass123",
            "priv": "AES",
            "priv_password": "privpass123",
        }
    )


def unwrap(usm: Usm, octets: bytes, now: float) -> tuple[Header, Answer, bytes]:
    version, message = open_message(octets)
    if version != 3:
        raise BadMessage("not SNMPv3 any more")
    header = read_header(message)
    return header, *usm.unwrap(octets, header.level, message, now)


async def _met(end: SecuredEnd, user: User) -> tuple[Usm, View]:
    view = View(build("ups", "box", {}).objects)
    usm = Usm(user)
    octets, _ = end.answer(usm.discovery(FIRST_ID, 1.0), view)
    header, answer, engine_id = unwrap(usm, octets, 1.0)
    assert (header.message_id, report_of(answer)) == (FIRST_ID, 4)
    usm.meet(engine_id, await Keyring().keys(user, engine_id))
    return usm, view


WATCHER = User("watcher", "SHA-256", "authpass123", "AES", "privpass123")
POWER = (1, 3, 6, 1, 2, 1, 33, 1, 4, 1, 0)


async def test_no_octet_of_a_signed_answer_can_be_changed(secured: SecuredEnd) -> None:
    usm, view = await _met(secured, WATCHER)
    octets, _ = secured.answer(usm.wrap(FIRST_ID, Question(Kind.GET, (POWER,)).pdu(FIRST_ID), 1.0), view)
    _, answer, _ = unwrap(usm, octets, 1.0)
    assert answer.said == [(POWER, 3)]
    for place in range(len(octets)):
        for bit in (0x01, 0x80):
            changed = octets[:place] + bytes((octets[place] ^ bit,)) + octets[place + 1 :]
            with pytest.raises(BadMessage):
                unwrap(usm, changed, 1.0)


async def test_an_answer_is_not_believed_an_hour_later(secured: SecuredEnd) -> None:
    usm, view = await _met(secured, WATCHER)
    octets, _ = secured.answer(usm.wrap(FIRST_ID, Question(Kind.GET, (POWER,)).pdu(FIRST_ID), 1.0), view)
    unwrap(usm, octets, 1.0)
    with pytest.raises(BadMessage, match="old message"):
        unwrap(usm, octets, 3601.0)


async def test_a_password_is_stretched_once_for_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    from drivers.snmp import usm

    stretched: list[str] = []
    stretch = usm._stretch

    def counted(digest: str, password: bytes) -> bytes:
        stretched.append(digest)
        return stretch(digest, password)

    monkeypatch.setattr(usm, "_stretch", counted)
    keyring = Keyring()
    keys = {await keyring.keys(WATCHER, bytes((128, 0, 0, 0, number))) for number in range(50)}
    assert len(keys) == 50
    assert len(stretched) == 2  # one for each password


async def test_keys_are_those_of_the_rfc() -> None:
    """RFC 3414 A.3: the password "maplesyrup" at engine 00 00 00 00 00 00 00 00 00 00 00 02."""
    engine = bytes(11) + b"\x02"
    md5 = await Keyring().keys(User("u", "MD5", "maplesyrup"), engine)
    sha = await Keyring().keys(User("u", "SHA", "maplesyrup"), engine)
    assert md5.auth.hex() == "526f5eed9fcce26f8964c2930787d82b"
    assert sha.auth.hex() == "6695febc9288e36282235fc7151f128497b38f3f"


KEY_OCTETS = {"DES": 16, "AES": 16, "AES-192": 24, "AES-256": 32, "AES-192-C": 24, "AES-256-C": 32}
clocks = st.integers(-(2**63), 2**63)


@given(st.sampled_from(list(CIPHERS)), clocks, clocks, st.binary(min_size=1, max_size=200))
def test_what_is_encrypted_is_what_pysnmp_decrypts(name: str, boots: int, time: int, plain: bytes) -> None:
    key = bytes(range(KEY_OCTETS[name]))
    encrypted, salt = _encrypt(name, key, (boots, time), plain)
    octets = univ.OctetString
    theirs = _cipher(name).decrypt_data(octets(key), (boots, time, octets(salt)), octets(encrypted))
    assert bytes(theirs)[: len(plain)] == _decrypt(name, key, (boots, time), salt, encrypted)[: len(plain)] == plain


@given(st.sampled_from(list(CIPHERS)), clocks, clocks, st.binary(max_size=12), st.binary(max_size=80))
def test_any_octets_are_decrypted_or_are_a_bad_message(
    name: str, boots: int, time: int, salt: bytes, encrypted: bytes
) -> None:
    with suppress(BadMessage):
        _decrypt(name, bytes(range(KEY_OCTETS[name])), (boots, time), salt, encrypted)


async def test_a_device_whose_clock_is_another_says_so_and_is_then_asked_by_its_clock(secured: SecuredEnd) -> None:
    """As after it was switched off and on: its first answer is a signed report, and that is believed."""
    usm, view = await _met(secured, WATCHER)
    question = Question(Kind.GET, (POWER,))
    octets, _ = secured.answer(usm.wrap(FIRST_ID, question.pdu(FIRST_ID), 1001.0), view)
    header, report, _ = unwrap(usm, octets, 1001.0)
    assert (report.report, report_of(report), header.level) == (True, 2, 1)
    octets, _ = secured.answer(usm.wrap(FIRST_ID, question.pdu(FIRST_ID), 1001.0), view)
    _, answer, _ = unwrap(usm, octets, 1001.0)
    assert answer.said == [(POWER, 3)]
