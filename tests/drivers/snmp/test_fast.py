"""The second engine: what gufo-snmp is asked, and that nothing of what it cannot tell is lost or believed."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from drivers.errors import DeviceError, Garbled, Reason, Unreachable
from drivers.sim.snmp_ber import encode, encode_response, parse_request
from drivers.snmp.engine import Engine, Peer, SnmpEngine, pick
from drivers.snmp.message import Kind, Question

fast = pytest.importorskip("drivers.snmp.fast", reason="tests on the second engine need: pip install 'gufo-snmp>=0.13'")

Device = Callable[..., Awaitable[str]]
Respond = Callable[[bytes], list[bytes]]
Engines = tuple[Any, Engine]  # the second one and ours

FIRST, SECOND = (1, 3, 6, 1, 4, 1, 9, 1, 0), (1, 3, 6, 1, 4, 1, 9, 2, 0)
BOTH = Question(Kind.GET, (FIRST, SECOND))
SEVEN = bytes.fromhex("020107")


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    both = await fast.FastEngine.start(), await SnmpEngine.start()
    yield both
    for engine in both:
        await engine.close()


def peer_at(address: str, community: str = "public") -> Peer:
    host, _, port = address.rpartition(":")
    return Peer.of((host, int(port)), "2c", community, None)


def answering(first: bytes, second: bytes = SEVEN) -> Respond:
    return lambda request: [encode_response(parse_request(request), [(FIRST, first), (SECOND, second)])]


async def outcome(engine: Engine, peer: Peer) -> object:
    """What came of the question, so that two engines can be compared."""
    try:
        answer = await engine.ask(peer, BOTH, 0.3)
    except DeviceError as error:
        return type(error), error.reason, error.detail, len(error.raw)  # the raw octets have a request id in them
    return answer.status, answer.index, answer.said


def test_it_is_taken_where_gufo_is_installed_unless_the_options_say_otherwise() -> None:
    assert pick("auto") is fast.FastEngine
    assert pick("own") is SnmpEngine


async def test_a_poll_is_asked_on_a_line_of_its_own_and_looking_around_is_not(device: Device, engines: Engines) -> None:
    engine, _ = engines
    peer = peer_at(await device(answering(SEVEN)))
    await engine.ask(peer, Question(Kind.GET, (FIRST, SECOND), guessed=True), 1)
    await engine.ask(peer, Question(Kind.NEXT, (FIRST, SECOND)), 1)
    assert not engine._lines
    assert (await engine.ask(peer, BOTH, 1)).said == [(FIRST, 7), (SECOND, 7)]
    assert engine._lines[peer].heard


async def test_a_device_that_is_forgotten_gives_its_line_back(device: Device, engines: Engines) -> None:
    engine, _ = engines
    peer = peer_at(await device(answering(SEVEN)))
    await engine.ask(peer, BOTH, 1)
    del peer
    gc.collect()
    assert not engine._lines


VALUES = {
    "negative": "0201ff",
    "counter encoded negative": "4104ffffffff",
    "counter of 64 bits": "4609008000000000000000",
    "time ticks": "430400000064",
    "octets": "040361ff62",
    "no octets": "0400",
    "object id": "060a2b060104018f60808008",
    "object id 0.0": "060100",
    "object id like an address": "06032b0601",
    "address": "40047f000001",
    "address of two octets": "40027f00",
    "opaque": "44079f78044048f5c3",
    "null": "0500",
    "no such object": "8000",
    "no such instance": "8100",
    "end of the view": "8200",
    "truth": "0101ff",
    "a type of nobody": "4801ff",
    "a network address": "4503010203",
}


@pytest.mark.parametrize("value", VALUES)
async def test_a_value_is_the_same_to_both_engines(value: str, device: Device, engines: Engines) -> None:
    peer = peer_at(await device(answering(bytes.fromhex(VALUES[value]))))
    second, ours = [await outcome(engine, peer) for engine in engines]
    assert second == ours


FRAMES: dict[str, Respond] = {
    "nothing": lambda request: [],
    "an empty datagram": lambda request: [b""],
    "two octets, at which gufo panics": lambda request: [b"\xff\xff"],
    "another protocol": lambda request: [b"HTTP/1.0 400 Bad Request\r\n\r\n"],
    "half of it": lambda request: [answering(SEVEN)(request)[0][:20]],
    "garbage before it": lambda request: [b"\xff\xff", *answering(SEVEN)(request)],
    "its own question": lambda request: [request],
    "the name of another community": lambda request: [answering(SEVEN)(request)[0].replace(b"public", b"secret")],
    "other objects": lambda request: [encode_response(parse_request(request), [((1, 3, 6, 1, 9), SEVEN)])],
    "one of two": lambda request: [encode_response(parse_request(request), [(FIRST, SEVEN)])],
    "more than gufo has room for": answering(encode("octets", b"x" * 6000)),
    "too big": lambda request: [encode_response(parse_request(request), [], 1)],
    "no such name": lambda request: [encode_response(parse_request(request), [], 2, 2)],
    "general error, with the values before it": lambda request: [
        encode_response(parse_request(request), [(FIRST, SEVEN), (SECOND, bytes.fromhex("0500"))], 5, 2)
    ],
    "not allowed": lambda request: [encode_response(parse_request(request), [], 16, 1)],
}


@pytest.mark.parametrize("frame", FRAMES)
async def test_what_is_no_whole_answer_is_told_as_our_own_engine_tells_it(
    frame: str, device: Device, engines: Engines
) -> None:
    peer = peer_at(await device(FRAMES[frame]))
    second, ours = [await outcome(engine, peer) for engine in engines]
    assert second == ours


async def test_gufo_is_not_asked_again_where_it_panicked(
    device: Device, engines: Engines, capfd: pytest.CaptureFixture[str]
) -> None:
    engine, _ = engines
    peer = peer_at(await device(lambda request: [b"\xff\xff"]))
    for panics in (1, 0):
        with pytest.raises(Garbled):
            await engine.ask(peer, BOTH, 0.1)
        assert capfd.readouterr().err.count("panicked at") == panics


async def test_garbage_that_nobody_waits_for_makes_gufo_panic_once(
    device: Device,
    engines: Engines,
    until: Callable[[Callable[[], bool]], Awaitable[None]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    engine, _ = engines
    peer = peer_at(await device(lambda request: [*answering(SEVEN)(request), b"\xff\xff", b"\xff\xff"]))
    assert (await engine.ask(peer, BOTH, 1)).said == [(FIRST, 7), (SECOND, 7)]
    await until(lambda: bool(engine._lines[peer].closed))
    assert (await engine.ask(peer, BOTH, 1)).said == [(FIRST, 7), (SECOND, 7)]
    assert capfd.readouterr().err.count("panicked at") == 1


async def test_a_device_that_answers_from_elsewhere_is_left_to_our_own_engine(device: Device, engines: Engines) -> None:
    engine, _ = engines
    asked: list[bytes] = []

    def respond(request: bytes) -> list[bytes]:
        asked.append(request)
        return answering(SEVEN)(request)

    peer = peer_at(await device(respond, elsewhere=True))
    for questions in (2, 1):
        asked.clear()
        assert (await engine.ask(peer, BOTH, 0.3)).said == [(FIRST, 7), (SECOND, 7)]
        assert len(asked) == questions


async def test_silence_after_an_answer_is_told_after_one_wait(device: Device, engines: Engines) -> None:
    engine, ours = engines
    asked: list[bytes] = []

    def once(request: bytes) -> list[bytes]:
        asked.append(request)
        return answering(SEVEN)(request) if len(asked) == 1 else []

    peer = peer_at(await device(once))
    await engine.ask(peer, BOTH, 0.3)
    silent = await outcome(engine, peer)
    assert len(asked) == 2
    assert silent == await outcome(ours, peer)


async def test_a_line_that_cannot_be_opened_is_our_own_engines_to_explain(engines: Engines) -> None:
    link_local = ("fe80::1", 161, 0, 9999)
    second, ours = [await outcome(engine, Peer.of(link_local, "2c", "public", None)) for engine in engines]
    assert second == ours
    assert isinstance(second, tuple)
    assert second[:2] == (Unreachable, Reason.NO_ROUTE)


async def test_no_more_lines_are_held_than_there_is_room_for(device: Device, engines: Engines) -> None:
    engine, _ = engines
    engine._most = 1
    address = await device(answering(SEVEN))
    peers = [peer_at(address) for _ in range(3)]
    answers = await asyncio.gather(*(engine.ask(peer, BOTH, 1) for peer in peers))
    assert [answer.said for answer in answers] == [[(FIRST, 7), (SECOND, 7)]] * 3
    assert len(engine._lines) == 1


async def test_a_question_on_its_way_ends_with_the_engine(device: Device) -> None:
    engine = await fast.FastEngine.start()
    heard = asyncio.Event()

    def nothing(request: bytes) -> list[bytes]:
        heard.set()
        return []

    asking = asyncio.create_task(engine.ask(peer_at(await device(nothing)), BOTH, 5))
    await heard.wait()
    await engine.close()
    with pytest.raises(Unreachable, match="the agent stopped") as caught:
        await asking
    assert caught.value.reason is Reason.NO_ANSWER
    assert not asking.cancelling()
