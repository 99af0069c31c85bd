"""Octets: pysnmp and the simulator's own BER mean the same by them, and what is damaged or old is not believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.snmp_ber import BULK, GET, NEXT, encode, encode_response, parse_request
from drivers.sim.snmp_devices import build
from drivers.sim.snmp_v3 import SecuredEnd
from drivers.sim.snmp_view import View
from drivers.snmp.message import (
    FIRST_ID,
    LAST_ID,
    BadMessage,
    Kind,
    Question,
    decode_community,
    encode_community,
    version_of,
)
from drivers.snmp.usm import Keyring, User, Usm, message_id, report_of

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


@given(st.lists(st.tuples(oids, values), max_size=8), ids, st.sampled_from(["1", "2c"]))
def test_an_answer_is_read_as_it_was_given(
    said: list[tuple[tuple[int, ...], tuple[str, int | bytes | tuple[int, ...]]]], request_id: int, version: str
) -> None:
    request = parse_request(encode_community(version, b"c", Question(Kind.GET, ()).pdu(request_id)))
    octets = encode_response(request, [(oid, encode(kind, value)) for oid, (kind, value) in said])
    community, answer = decode_community(octets)
    assert (community, answer.request_id, answer.status) == (b"c", request_id, 0)
    assert answer.said == [(oid, value) for oid, (_, value) in said]
    assert version_of(octets) == {"1": 0, "2c": 1}[version]


@given(st.binary(max_size=120))
def test_any_octets_are_a_message_or_a_bad_message(octets: bytes) -> None:
    try:
        version_of(octets)
        decode_community(octets)
    except BadMessage:
        pass


@given(st.lists(st.tuples(oids, values), min_size=1, max_size=4), st.data())
def test_a_damaged_answer_is_a_message_or_a_bad_message(
    said: list[tuple[tuple[int, ...], tuple[str, int | bytes | tuple[int, ...]]]], data: st.DataObject
) -> None:
    request = parse_request(encode_community("2c", b"c", Question(Kind.GET, ()).pdu(FIRST_ID)))
    octets = bytearray(encode_response(request, [(oid, encode(kind, value)) for oid, (kind, value) in said]))
    place = data.draw(st.integers(0, len(octets) - 1))
    octets[place] = data.draw(st.integers(0, 255))
    cut = bytes(octets[: data.draw(st.integers(0, len(octets)))])
    for damaged in (bytes(octets), cut):
        try:
            decode_community(damaged)
        except BadMessage:
            continue


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


async def _met(end: SecuredEnd, user: User) -> tuple[Usm, View]:
    from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message

    from drivers.snmp.message import decode

    view = View(build("ups", "box", {}, 0).objects)
    usm = Usm(user)
    octets, _ = end.answer(usm.discovery(FIRST_ID, 1.0), view)
    message = decode(octets, SNMPv3Message())
    answer, engine_id = usm.unwrap(message, octets, 1.0)
    assert (message_id(message), report_of(answer)) == (FIRST_ID, 4)
    usm.meet(engine_id, await Keyring().keys(user, engine_id))
    return usm, view


WATCHER = User("watcher", "SHA-256", "authpass123", "AES", "privpass123")
POWER = (1, 3, 6, 1, 2, 1, 33, 1, 4, 1, 0)


async def test_no_octet_of_a_signed_answer_can_be_changed(secured: SecuredEnd) -> None:
    from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message

    from drivers.snmp.message import decode

    usm, view = await _met(secured, WATCHER)
    octets, _ = secured.answer(usm.wrap(FIRST_ID, Question(Kind.GET, (POWER,)).pdu(FIRST_ID), 1.0), view)
    answer, _ = usm.unwrap(decode(octets, SNMPv3Message()), octets, 1.0)
    assert answer.said == [(POWER, 3)]
    for place in range(len(octets)):
        for bit in (0x01, 0x80):
            changed = octets[:place] + bytes((octets[place] ^ bit,)) + octets[place + 1 :]
            with pytest.raises(BadMessage):
                usm.unwrap(decode(changed, SNMPv3Message()), changed, 1.0)


async def test_an_answer_is_not_believed_an_hour_later(secured: SecuredEnd) -> None:
    from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message

    from drivers.snmp.message import decode

    usm, view = await _met(secured, WATCHER)
    octets, _ = secured.answer(usm.wrap(FIRST_ID, Question(Kind.GET, (POWER,)).pdu(FIRST_ID), 1.0), view)
    message = decode(octets, SNMPv3Message())
    usm.unwrap(message, octets, 1.0)
    with pytest.raises(BadMessage, match="old message"):
        usm.unwrap(message, octets, 3601.0)


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
