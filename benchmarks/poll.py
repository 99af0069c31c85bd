"""Polls a second through the SNMP driver, against pysnmp's high-level API as its documentation shows it.

The same questions go to the same devices in the same run: net-snmp's snmpd on 50 loopback addresses where there is one,
simulators in a process of their own where not. Both ends share the machine; the CPU seconds are the client's alone.

    python -m benchmarks.poll [--seconds 4] [--json]
"""

import argparse
import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from drivers.base import Shared
from drivers.snmp import device
from drivers.snmp.driver import Snmp
from drivers.snmp.engine import SnmpEngine, pick

DEVICES = 50
AT_ONCE = 50
PORT = 17161
USER = {"user": "watcher", "auth": "SHA", "auth_password": "authpass123", "priv": "AES", "priv_password": "privpass123"}
ENGINES = {"auto": "gufo", "own": "own engine"}
WAYS: dict[str, dict[str, Any]] = {"v2c": {}, "v3": {"version": "3", **USER}}


@dataclass(frozen=True)
class Rate:
    what: str
    polls: int
    values: int  # in one poll
    seconds: float
    cpu: float

    @property
    def per_second(self) -> float:
        return self.polls / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        return 1000 * self.cpu / self.polls


@contextmanager
def devices(folder: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """What answers, and its addresses by the way it is asked."""
    program = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is not None and sys.platform == "linux":
        with _snmpd(program, folder) as addresses:
            yield "snmpd", dict.fromkeys(WAYS, addresses)
    else:
        with _simulators(folder) as by_way:
            yield "simulators", by_way


@contextmanager
def _snmpd(program: str, folder: Path) -> Iterator[list[str]]:
    addresses = [f"127.0.1.{number}:{PORT}" for number in range(1, DEVICES + 1)]
    configuration = folder / "snmpd.conf"
    configuration.write_text(
        f"agentaddress {','.join(f'udp:{address}' for address in addresses)}\n"
        "rocommunity public\n"
        f"createUser watcher SHA {USER['auth_password']} AES {USER['priv_password']}\nrouser watcher authpriv\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(folder / "persistent")}
    command = [program, "-f", "-Lf", str(folder / "log"), "-C", "-c", str(configuration), "-p", str(folder / "pid")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield addresses
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _simulators(folder: Path) -> Iterator[dict[str, list[str]]]:
    wanted = [
        {"name": f"{way}/{number}", "kind": "snmp", "options": {"profile": "host", **options}}
        for way, options in WAYS.items()
        for number in range(DEVICES if way == "v2c" else 5)
    ]
    world = folder / "world.json"
    world.write_text(json.dumps({"simulators": wanted, "log": str(folder / "log"), "folder": str(folder)}))
    command = [sys.executable, "-m", "drivers.sim", str(world)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())["addresses"]
        yield {way: [at for name, at in addresses.items() if name.startswith(f"{way}/")] for way in WAYS}
        process.terminate()


async def rate(what: str, values: int, seconds: float, polls: Sequence[Callable[[], Awaitable[object]]]) -> Rate:
    """AT_ONCE polls in flight for `seconds`; as in an agent, never two of one device."""
    done = 0
    begin, cpu = time.perf_counter(), time.process_time()

    async def worker(devices: Sequence[Callable[[], Awaitable[object]]]) -> None:
        nonlocal done
        for poll in itertools.cycle(devices):
            if time.perf_counter() - begin > seconds:
                return
            await poll()
            done += 1

    await asyncio.gather(*(worker(polls[first::AT_ONCE]) for first in range(AT_ONCE)))
    return Rate(what, done, values, time.perf_counter() - begin, time.process_time() - cpu)


async def ours(
    way: str, engine: str, addresses: list[str], seconds: float
) -> tuple[Rate, list[tuple[tuple[int, ...], ...]]]:
    """The driver as an agent calls it, and the questions one poll asks."""
    device.LOOK_SOON = sys.maxsize  # or a look around, due once a day, would come every 12 polls here
    shared = Shared()
    options = Snmp.Options.model_validate({"profile": "host", "engine": engine, **WAYS[way]})
    drivers = [Snmp(at, options, shared) for at in addresses]

    async def poll(driver: Snmp) -> object:
        await driver.open()
        reading = await driver.poll()
        await driver.close()
        return reading

    try:
        await _until_it_answers(lambda: poll(drivers[0]))
        await asyncio.gather(*map(poll, drivers))  # the first look, and every user's keys
        messages = _questions(drivers[0])
        polls = [partial(poll, driver) for driver in drivers]
        what = f"driver {way}, {ENGINES[engine]}"
        return await rate(what, sum(map(len, messages)), seconds, polls), messages
    finally:
        await shared.close()


def _questions(driver: Snmp) -> list[tuple[tuple[int, ...], ...]]:
    return [question.oids for question in driver.device.questions] if driver.device else []


async def _until_it_answers(poll: Callable[[], Awaitable[object]]) -> None:
    for attempt in itertools.count():
        try:
            await poll()
            return
        except Exception:
            if attempt == 20:
                raise
            await asyncio.sleep(0.2)


async def plain(way: str, addresses: list[str], messages: list[tuple[tuple[int, ...], ...]], seconds: float) -> Rate:
    """`get_cmd` of pysnmp.hlapi.v3arch with one engine for all, everything else as it comes."""
    from pysnmp.hlapi.v3arch import asyncio as hlapi

    engine = hlapi.SnmpEngine()
    auth = hlapi.CommunityData("public")
    if way == "v3":
        auth = hlapi.UsmUserData(
            USER["user"],
            USER["auth_password"],
            USER["priv_password"],
            authProtocol=hlapi.USM_AUTH_HMAC96_SHA,
            privProtocol=hlapi.USM_PRIV_CFB128_AES,
        )
    context = hlapi.ContextData()
    targets = []
    for address in addresses:
        host, _, port = address.partition(":")
        targets.append(await hlapi.UdpTransportTarget.create((host, int(port)), timeout=5, retries=0))

    async def poll(target: Any) -> object:
        values = []
        for message in messages:
            objects = [hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in message]
            failed, status, _, said = await hlapi.get_cmd(engine, auth, target, context, *objects)
            if failed or status:
                raise RuntimeError(f"pysnmp: {failed or status}")
            values += said
        return values

    try:
        await poll(targets[0])  # it reads its MIBs with the first question
        await asyncio.gather(*map(poll, targets))
        polls = [partial(poll, target) for target in targets]
        return await rate(f"pysnmp hlapi {way}", sum(map(len, messages)), seconds, polls)
    finally:
        engine.close_dispatcher()


async def compare(by_way: dict[str, list[str]], seconds: float) -> list[list[Rate]]:
    """For each way what the driver does, by each engine that takes a part in it, and last what pysnmp's API does."""
    groups = []
    for way, addresses in by_way.items():
        both = way == "v2c" and pick("auto") is not SnmpEngine
        group = []
        for engine in ENGINES if both else ["own"]:
            driver, messages = await ours(way, engine, addresses, seconds)
            group.append(driver)
        groups.append([*group, await plain(way, addresses, messages, seconds)])
    return groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each of the five")
    parser.add_argument("--json", action="store_true", help="print the one line of JSON alone")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, devices(Path(folder)) as (what, by_way):
        groups = asyncio.run(compare(by_way, asked.seconds))
    if not asked.json:
        print(f"{AT_ONCE} polls in flight, devices: {what}")
        print(f"{'':24} {'polls/s':>9} {'values/s':>9} {'CPU s/1,000':>12}")
        for group in groups:
            *drivers, last = group
            for one in group:
                speed = one.per_second
                print(f"{one.what:24} {speed:9.0f} {speed * one.values:9.0f} {one.cpu_per_1000:12.2f}")
            for one in drivers:
                times, cheaper = one.per_second / last.per_second, last.cpu_per_1000 / one.cpu_per_1000
                print(f"{one.what + ' is':24} {times:8.1f}x {'':9} {cheaper:11.1f}x")
    figures = [
        {**asdict(one), "polls_per_second": one.per_second, "cpu_per_1000": one.cpu_per_1000}
        for group in groups
        for one in group
    ]
    print(json.dumps({"benchmark": "poll", "devices": what, "figures": figures}))


if __name__ == "__main__":
    main()
