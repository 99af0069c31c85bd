"""Patch levels, antivirus and ports asked by head office, end to end: a real server and a real agent, this machine as
the agent's PC, and hosts in networks of their own with a real sshd, dpkg and clamd. What changes on one flips its
verdict within one push, and the reason names it."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from server.schemas.campaigns import CampaignCreate
from tests.drivers.host.conftest import new_key
from tests.faults import hosts
from tests.faults.bench import Bench, bench, comes
from tests.faults.hosts import OWN, Antivirus, Hosts
from tui.client import Client

pytestmark = pytest.mark.skipif(bool(hosts.missing()), reason=hosts.missing() or "-")
CHECKS = ["high-risk-ports", "antivirus-present", "antivirus-realtime", "antivirus-library-7", "os-supported"]
PC = "agent-1001"
RISKY = {"135", "137", "138", "139", "445"}
Said = dict[str, dict[str, str]]  # of each host: its verdicts by check, or under "" why it did not answer


async def pushed(client: Client) -> tuple[Said, Said]:
    """The words of one push of all checks to all hosts, and why each is so."""
    campaign = await client.begin_campaign(CampaignCreate(checks=CHECKS, everything=True, seconds=300))

    async def ended() -> bool:
        return (await client.campaign(campaign.uid)).ended_at is not None

    await comes(ended, "every host to answer")
    words: Said = {}
    whys: Said = {}
    for row in (await client.campaign_hosts(campaign.uid)).rows:
        key = row.host.removeprefix("1001/")
        words[key] = {one.check: str(one.word) for one in row.verdicts} or {"": str(row.reason)}
        whys[key] = {one.check: " ".join(one.why) for one in row.verdicts} or {"": row.why}
    return words, whys


def open_here() -> bool:
    """Whether this machine itself listens on a port it should not, by what iproute2 says."""
    said = subprocess.check_output(["ss", "-Htuln"], text=True).splitlines()
    places = [line.split()[4].rpartition(":") for line in said]
    return any(port in RISKY and not address.startswith(("127.", "[::1]")) for address, _, port in places)


@pytest.fixture
def pc(tmp_path: Path) -> Path:
    """What this machine's agent sees as its settings: a ClamAV whose library is a month old."""
    made = tmp_path / "pc"
    made.mkdir()
    hosts.settings(made, str(made), int(time.time()) - 30 * hosts.DAY)
    return made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What runs until the end of the test."""
    with ExitStack() as made:
        yield made


def started(home: Path, bank: Hosts, pc: Path, private_key: str, stack: ExitStack) -> Bench:
    """Server and agent, which sees the settings of `pc` as its own."""
    wrap = {PC: ["unshare", "--mount", "sh", "-c", f'{OWN}exec "$@"', "sh", str(pc)]}
    made = stack.enter_context(bench(home, bank, wrap=wrap))
    made.started.say("branchfleet-server", "secret", "set", "hosts", stdin=private_key)
    made.start_server()
    made.enrol(PC, made.url)
    made.start_agent()
    return made


def a_bank(first: hosts.Host, second: hosts.Host, pins: dict[str, str]) -> Hosts:
    """Two hosts as they should be, one of them by SNMP too, and five positions that something is the matter with."""
    root = {"user": "root", "private_key": "secret:hosts"}
    on_first = {**root, "host_key": pins["first"]}
    on_second = {**root, "host_key": pins["second"]}
    return Hosts(
        hosts=(
            ("first", "host/ssh", first.address, on_first),
            ("second", "host/ssh", second.address, on_second),
            ("spare", "host/ssh", f"{first.address}:2200", {**root, "host_key": pins["spare"]}),
            ("looker", "host/ssh", second.address, {**on_second, "user": "looker"}),
            ("barred", "host/ssh", second.address, {**on_second, "user": "barred"}),
            ("stranger", "host/ssh", first.address, {**on_first, "user": "stranger"}),
            ("snmp", "snmp", second.address, {"profile": "windows"}),
            ("silent", "snmp", f"{second.address}:1161", {"profile": "windows"}),
        )
    )


async def test_what_changes_on_a_host_flips_its_verdict_within_one_push(
    tmp_path: Path, pc: Path, stack: ExitStack
) -> None:
    new_key(tmp_path / "hosts")
    public, private = ((tmp_path / name).read_text(encoding="ascii") for name in ("hosts.pub", "hosts"))
    first, second = (stack.enter_context(hosts.host(tmp_path / name, public)) for name in ("one", "two"))
    spare = stack.enter_context(ExitStack())
    pins = {"first": stack.enter_context(first.sshd()), "second": stack.enter_context(second.sshd())}
    stack.enter_context(second.snmpd())
    pins["spare"] = spare.enter_context(first.sshd(2200))
    own = Antivirus(str(pc), [])
    for antivirus in (own, first.antivirus, second.antivirus):
        stack.callback(antivirus.stop)
        antivirus.start()
    made = started(tmp_path / "bench", a_bank(first, second, pins), pc, private, stack)
    async with made.client() as client:
        await made.signed_in(client)

        words, whys = await pushed(client)
        well = dict.fromkeys(CHECKS, "pass") | {"os-supported": "unknown"}  # no table says of a Linux till when
        assert words["first"] == words["second"] == words["spare"] == well
        behind = {"antivirus-library-7": "fail", "high-risk-ports": "fail" if open_here() else "pass"}
        assert words[PC] == well | behind  # 29 days behind the newest of its bank
        assert words["looker"] == well | {"antivirus-realtime": "unknown"}
        assert whys["looker"]["antivirus-realtime"] == "权限不足：实时防护"
        assert (words["barred"], words["stranger"]) == ({"": "unreadableOutput"}, {"": "loginRefused"})
        assert words["snmp"] == dict.fromkeys(CHECKS, "unknown") | {"high-risk-ports": "pass"}
        assert (words["silent"], whys["silent"]) == ({"": "connectionRefused"}, {"": "连接被拒绝"})
        assert (await client.facts("1001/first", "updates")).facts["updates.source"] == "dpkg"

        own.stop()
        second.antivirus.stop()
        spare.close()
        spare.enter_context(first.sshd(2200))  # with a key nobody confirmed
        with first.listening(445):
            words, whys = await pushed(client)
        assert words["first"] == well | {"high-risk-ports": "fail"}
        assert whys["first"]["high-risk-ports"] == "端口 445 正在监听"
        assert words["second"] == well | {"antivirus-realtime": "fail"}
        assert words[PC] == well | behind | {
            "antivirus-realtime": "fail"
        }  # though clamd of the first runs in its sight
        assert (words["spare"], whys["spare"]) == ({"": "hostKeyChanged"}, {"": "主机指纹变化"})

        spare.close()
        second.antivirus.start()
        words, whys = await pushed(client)
        assert words["first"] == words["second"] == well
        assert (words["spare"], whys["spare"]) == ({"": "connectionRefused"}, {"": "连接被拒绝"})
