"""A sweep on a real wire: a veth pair, addresses on its other end, and a look at every frame that crosses it."""

import asyncio
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.clock import system_clocks
from agent.orders.outcome import NotDone
from agent.sweep.line import Line
from agent.sweep.sweeping import Sweeping, pause
from agent.wire import Fact, Order, Why
from tests.faults import namespace

if TYPE_CHECKING:
    from tests.agent.sweep.conftest import Told
else:
    Told = Any

pytestmark = pytest.mark.skipif(bool(namespace.missing()), reason=namespace.missing() or "-")

NET = f"198.18.{os.getpid() % 250}"  # two workers of pytest stand in one network
HERE, OWN = (10, 20, 21), 1
ARP, IPV4, UDP = 0x0806, 0x0800, 17


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def wire() -> Iterator[tuple[namespace.Branch, str]]:
    """This side is .1 of a /26; behind the other are .10, .20 and .21. Gives the branch and its MAC."""
    with namespace.branch() as branch:
        run("ip", "addr", "add", f"{NET}.{OWN}/26", "brd", "+", "dev", branch._veth)
        inner = branch.words, f"{branch._veth}i"[:15]
        for at in HERE:
            run(*inner[0], "ip", "addr", "add", f"{NET}.{at}/26", "dev", inner[1])
        mac = run(*inner[0], "cat", f"/sys/class/net/{inner[1]}/address").strip()
        yield branch, mac


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch, told: Told, tmp_path: Path) -> Sweeping:
    """Ten times as fast as any sweep, so the kernel's own clock is all a test waits for."""
    monkeypatch.setattr("agent.sweep.sweeping.SETTLED", 0.5)
    monkeypatch.setattr("agent.sweep.sweeping.LOOK_EVERY", 0.2)

    async def hurry(seconds: float, stop: asyncio.Event) -> None:
        await pause(seconds / 10, stop)

    outbox: Any = told
    return Sweeping(outbox, system_clocks(tmp_path), Line(), hurry)


def order(prefix: str) -> Order:
    return Order(uid="o1", what="sweep", seconds=60.0, prefix=prefix, rate=4)


async def test_who_is_there_is_found_and_nothing_but_arp_and_one_empty_datagram_each_is_sent(
    wire: tuple[namespace.Branch, str], fast: Sweeping
) -> None:
    branch, mac = wire
    if sys.platform != "linux":
        return
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:  # ETH_P_ALL
        tap.bind((branch._veth, 0))
        tap.setblocking(False)
        outcome = await fast.do(order(f"{NET}.0/26"))
        frames = list(seen(tap))
    [fact] = outcome.records
    assert isinstance(fact, Fact)
    assert fact.facts["sweep"] == [f"{NET}.{at} {mac} {branch._veth}" for at in HERE]
    assert (outcome.why, outcome.detail["of"], outcome.detail["asked"], outcome.detail["answered"]) == ("", 61, 61, 3)
    sent = [frame for out, frame in frames if out]
    kinds = {struct.unpack("!H", frame[12:14])[0] for frame in sent} - {0x86DD}  # IPv6 says hello by itself
    assert kinds == {ARP, IPV4}
    asked = {str(IPv4Address(frame[38:42])) for frame in sent if frame[12:14] == b"\x08\x06" and frame[21] == 1}
    assert asked == {f"{NET}.{at}" for at in range(1, 63) if at != OWN}
    datagrams = [frame for frame in sent if frame[12:14] == b"\x08\x00"]
    assert {frame[23] for frame in datagrams} == {UDP}
    assert {struct.unpack("!H", frame[36:38])[0] for frame in datagrams} == {9}
    assert {(frame[22], struct.unpack("!H", frame[38:40])[0]) for frame in datagrams} == {(1, 8)}  # TTL, and no content
    reached = sorted(str(IPv4Address(frame[30:34])) for frame in datagrams)
    assert reached == [f"{NET}.{at}" for at in HERE]  # one each, and only where somebody answered


def seen(tap: socket.socket) -> Iterator[tuple[bool, bytes]]:
    """Frames, and whether they left this side."""
    while True:
        try:
            frame, about = tap.recvfrom(2048)
        except BlockingIOError:
            return
        yield about[2] == 4, frame  # PACKET_OUTGOING


async def test_what_lies_behind_a_router_is_refused_though_there_is_a_route(
    wire: tuple[namespace.Branch, str], fast: Sweeping
) -> None:
    branch, _ = wire
    run("ip", "route", "add", "198.19.99.0/24", "via", f"{NET}.10", "dev", branch._veth)
    with pytest.raises(NotDone) as refused:
        await fast.do(order("198.19.99.0/28"))
    assert refused.value.why == Why.OFF_WIRE
    assert f"{NET}.0/26" in refused.value.said.split(", ")
    with pytest.raises(OSError, match="unreachable"):
        Line().send("198.19.99.1")  # and whatever the order says: no datagram goes over a router


async def test_a_line_that_goes_dead_ends_it(wire: tuple[namespace.Branch, str], fast: Sweeping) -> None:
    branch, _ = wire
    send = Line.send

    class Cut(Line):
        def send(self, address: str) -> None:
            if address == f"{NET}.15":
                branch.cut()
            send(self, address)

    fast._line = Cut()
    outcome = await fast.do(order(f"{NET}.0/26"))
    assert outcome.why == Why.NOT_SENT
    assert outcome.said.startswith(f"{NET}.15: ")
    assert outcome.detail["upTo"] == f"{NET}.14"
