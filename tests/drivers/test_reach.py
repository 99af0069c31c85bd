"""Whether an address answers: by TCP, by ICMP where it may be sent, and what is said when it does not."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Driver, Reading
from drivers.errors import Reason, Refused, Unreachable
from drivers.reach import Reach, checksum, echo_request, is_reply, split
from drivers.sim.base import Fault

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
ROOT = Path(__file__).parents[2]


async def test_a_connection_is_an_answer_with_its_time(start: Start, driver: Make, poll: Poll) -> None:
    _, address = await start("reach")
    reading = await poll(driver("reach", address))
    assert reading.device == "online"
    assert reading.numbers["answer.time"] >= 0


async def test_a_refusal_proves_the_host(start: Start, driver: Make, poll: Poll) -> None:
    host, address = await start("reach")
    host.fault = Fault.HANG_UP
    assert (await poll(driver("reach", address))).device == "online"


async def test_a_refusal_counts_when_the_service_is_meant(start: Start, driver: Make, poll: Poll) -> None:
    host, address = await start("reach")
    host.fault = Fault.HANG_UP
    with pytest.raises(Unreachable) as unreachable:
        await poll(driver("reach", address, refused_is_up=False))
    assert unreachable.value.reason == Reason.CONNECTION_REFUSED


async def test_a_line_that_was_cut_and_mended_is_seen_twice(start: Start, driver: Make, poll: Poll) -> None:
    line, address = await start("reach")
    polled = driver("reach", address)
    line.fault = Fault.SILENT
    with pytest.raises(Unreachable) as unreachable:
        await poll(polled)
    assert unreachable.value.reason == Reason.NO_ANSWER
    line.fault = Fault.NONE
    assert (await poll(polled)).device == "online"


async def test_a_name_nobody_knows_is_told_apart(driver: Make, poll: Poll) -> None:
    with pytest.raises(Unreachable) as unreachable:
        await poll(driver("reach", "no-such-host.invalid:80"))
    assert unreachable.value.reason == Reason.NAME_UNKNOWN


async def test_ipv6_is_reached(driver: Make, poll: Poll) -> None:
    try:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "::1", 0)
    except OSError:
        pytest.skip("this test needs IPv6 on the loopback: sysctl net.ipv6.conf.lo.disable_ipv6=0")
    async with server:
        reading = await poll(driver("reach", f"[::1]:{server.sockets[0].getsockname()[1]}"))
    assert reading.device == "online"


async def test_an_echo_is_an_answer_where_it_may_be_sent(driver: Make, poll: Poll) -> None:
    if not _may_send_icmp():
        pytest.skip("this test needs root, or: sysctl -w net.ipv4.ping_group_range='0 2147483647'")
    reading = await poll(driver("reach", "127.0.0.1"))
    assert reading.device == "online"
    assert reading.numbers["answer.time"] >= 0


async def test_an_echo_nobody_sends_back_is_no_answer(driver: Make, poll: Poll) -> None:
    """240.0.0.0/4 is reserved: either no way leads there, or nothing comes back."""
    if not _may_send_icmp():
        pytest.skip("this test needs root, or: sysctl -w net.ipv4.ping_group_range='0 2147483647'")
    with pytest.raises((Unreachable, Refused)):
        await poll(driver("reach", "240.0.0.1"))


def _may_send_icmp() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True
    return False


def test_who_may_not_send_icmp_is_told_how_to_mend_it() -> None:
    if sys.platform == "win32" or os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("this test needs root, and: apt-get install -y util-linux")
    code = """
        import asyncio, os
        from drivers.base import Shared
        from drivers.errors import Refused
        from drivers.reach import Reach, ReachOptions

        os.setgroups([]), os.setgid(65534), os.setuid(65534)

        async def main():
            reach = Reach("127.0.0.1", ReachOptions(), Shared())
            await reach.open()
            try:
                await reach.poll()
            except Refused as refused:
                assert refused.reason == "noPermission" and "ping_group_range" in refused.detail, refused.detail
            else:
                raise SystemExit("it was sent")
            finally:
                await reach.close()

        asyncio.run(main())
    """
    # A network namespace of its own begins with a ping_group_range that lets nobody.
    command = ["unshare", "--net", sys.executable, "-c", textwrap.dedent(code)]
    ran = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


# -- addresses and packets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("10.1.2.3", "10.1.2.3", None),
        ("10.1.2.3:22", "10.1.2.3", 22),
        ("router-1.branch.bank:443", "router-1.branch.bank", 443),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("2001:db8::1", "2001:db8::1", None),
    ],
)
def test_addresses_are_taken_apart(address: str, host: str, port: int | None) -> None:
    assert split(address) == (host, port)


@pytest.mark.parametrize(
    "address", ["", ":22", "host:", "host:0", "host:65536", "host:２２", "-h", "[host]:1", "a b:1"]
)
def test_other_addresses_are_refused(address: str) -> None:
    assert Reach.check_address(address) is not None


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_is_refused(address: str) -> None:
    if Reach.check_address(address) is None:
        host, port = split(address)
        assert host
        assert port is None or 0 < port < 65536


@given(st.binary(max_size=99))
def test_the_checksum_of_what_carries_it_is_zero(data: bytes) -> None:
    padded = data + b"\0" * (len(data) % 2)
    assert checksum(padded + checksum(padded).to_bytes(2, "big")) == 0


@given(st.binary(max_size=80), st.sampled_from([socket.AF_INET, socket.AF_INET6]))
def test_a_packet_without_our_token_is_not_our_reply(packet: bytes, family: socket.AddressFamily) -> None:
    assert not is_reply(family, packet, b"0123456789abcdef")


def test_our_token_in_an_echo_reply_is_our_reply_with_or_without_an_ip_header() -> None:
    token = b"0123456789abcdef"
    reply = b"\0" + echo_request(socket.AF_INET, token)[1:]
    assert is_reply(socket.AF_INET, reply, token)
    assert is_reply(socket.AF_INET, b"\x45" + b"\0" * 19 + reply, token)
    assert is_reply(socket.AF_INET, b"\x46" + b"\0" * 23 + reply, token)
    assert not is_reply(socket.AF_INET, echo_request(socket.AF_INET, token), token)
    assert is_reply(socket.AF_INET6, b"\x81" + echo_request(socket.AF_INET6, token)[1:], token)
