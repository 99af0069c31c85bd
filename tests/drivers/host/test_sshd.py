"""A Linux host as it is: this machine, behind a real sshd."""

import platform
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Driver, Reading
from drivers.errors import DeviceError, Reason, Refused, Unreachable
from drivers.host import script
from tests.drivers.host.conftest import Sshd, fingerprint, new_key

Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]


async def test_this_machine_is_read_as_it_is(sshd: Sshd, driver: Make, poll: Poll) -> None:
    reading = await poll(driver("host/ssh", sshd.address, **sshd.options()))
    assert reading.device == "online"
    assert reading.identity["name"] == platform.node()
    assert reading.identity["kernel"] == platform.release()
    assert reading.identity["os"] == platform.freedesktop_os_release()["PRETTY_NAME"]
    assert reading.texts["script"] == f"SHA256 {script.SHA256[script.READ]}"
    assert 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) - reading.numbers["uptime"] < 600
    usage = shutil.disk_usage("/")
    assert reading.numbers["disk.used"] >= int(100 * usage.used / usage.total) - 2  # the fullest: no other is fuller
    assert 0 < reading.numbers["memory.used"] < 100
    assert 0 <= reading.numbers["cpu.load"] <= 100


async def test_it_tells_the_facts_of_this_machine_and_by_which_script(sshd: Sshd, driver: Make) -> None:
    telling: Any = driver("host/ssh", sshd.address, **sshd.options())
    told: dict[str, Any] = {sheet.topic: sheet.facts for sheet in await telling.facts()}
    await telling.close()
    assert told["host"]["host.name"] == platform.node()
    assert told["host"]["script.sha256"] == script.SHA256[script.FACTS]
    assert sshd.address.rpartition(":")[2] not in told["network"]["ports.tcp"]  # loopback
    assert any(one.startswith("openssh-server\t") for one in told["software"]["software"])


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_a_key_of_every_kind_logs_in(kind: str, sshd: Sshd, driver: Make, poll: Poll) -> None:
    new_key(sshd.folder / kind, kind)
    shutil.copy(sshd.folder / f"{kind}.pub", sshd.folder / "authorized_keys")
    private = (sshd.folder / kind).read_text()
    for written in (private, private.replace("\n", " ")):  # in a file, and typed at a prompt
        reading = await poll(driver("host/ssh", sshd.address, **sshd.options(private_key=written)))
        assert reading.device == "online"


async def test_without_a_fingerprint_it_is_named_and_nobody_logs_in(sshd: Sshd, driver: Make, poll: Poll) -> None:
    error = await _failure(poll(driver("host/ssh", sshd.address, **sshd.options(host_key=""))))
    assert (type(error), error.reason) == (Refused, Reason.HOST_KEY_UNCONFIRMED)
    assert sshd.host_key in error.detail
    assert error.raw == sshd.host_key.encode()
    assert _nobody_logged_in(sshd)


async def test_another_host_key_stops_before_the_login(sshd: Sshd, driver: Make, poll: Poll, tmp_path: Path) -> None:
    new_key(tmp_path / "other")
    other = fingerprint(tmp_path / "other.pub")
    error = await _failure(poll(driver("host/ssh", sshd.address, **sshd.options(host_key=other))))
    assert (type(error), error.reason) == (Refused, Reason.HOST_KEY_CHANGED)
    assert sshd.host_key in error.detail
    assert other in error.detail
    assert _nobody_logged_in(sshd)


async def test_a_key_the_host_does_not_know_is_refused(sshd: Sshd, driver: Make, poll: Poll) -> None:
    new_key(sshd.folder / "stranger")
    private = (sshd.folder / "stranger").read_text()
    error = await _failure(poll(driver("host/ssh", sshd.address, **sshd.options(private_key=private))))
    assert (type(error), error.reason) == (Refused, Reason.LOGIN_REFUSED)


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_private_key_that_is_none_is_told_and_never_shown(
    sealed: bool, sshd: Sshd, driver: Make, poll: Poll
) -> None:
    private = "no key at all"
    if sealed:
        new_key(sshd.folder / "sealed", passphrase="twelve words")
        private = (sshd.folder / "sealed").read_text()
    error = await _failure(poll(driver("host/ssh", sshd.address, **sshd.options(private_key=private))))
    assert (type(error), error.reason) == (Refused, Reason.BAD_OPTIONS)
    assert ("passphrase" in error.detail) == sealed
    assert private.strip() not in error.detail


async def test_what_a_login_prints_before_the_script_is_no_part_of_its_answer(
    sshd: Sshd, driver: Make, poll: Poll
) -> None:
    forced = 'command="printf name=forged; echo BEGIN-0; echo noise >&2; exec $SSH_ORIGINAL_COMMAND" '
    _authorize(sshd, forced)
    reading = await poll(driver("host/ssh", sshd.address, **sshd.options()))
    assert reading.identity["name"] == platform.node()


async def test_a_shell_that_runs_nothing_is_told_as_an_output_nobody_can_read(
    sshd: Sshd, driver: Make, poll: Poll
) -> None:
    _authorize(sshd, 'command="echo This account is not available." ')
    error = await _failure(poll(driver("host/ssh", sshd.address, **sshd.options())))
    assert error.reason == Reason.UNREADABLE_OUTPUT
    assert b"not available" in error.raw


async def test_a_gigabyte_is_cut_at_a_megabyte(sshd: Sshd, driver: Make, poll: Poll) -> None:
    _authorize(sshd, 'command="head -c 1073741824 /dev/zero" ')
    error = await _failure(poll(driver("host/ssh", sshd.address, **sshd.options())))
    assert error.reason == Reason.UNREADABLE_OUTPUT


async def test_a_gigabyte_of_errors_does_not_stand_in_the_way(sshd: Sshd, driver: Make, poll: Poll) -> None:
    _authorize(sshd, 'command="head -c 1073741824 /dev/zero >&2" ')
    error = await _failure(poll(driver("host/ssh", sshd.address, **sshd.options())))
    assert error.reason == Reason.UNREADABLE_OUTPUT


async def test_much_said_aside_does_not_lock_the_answer(sshd: Sshd, driver: Make, poll: Poll) -> None:
    _authorize(sshd, 'command="head -c 900000 /dev/zero >&2; exec $SSH_ORIGINAL_COMMAND" ')
    reading = await poll(driver("host/ssh", sshd.address, **sshd.options()))
    assert reading.device == "online"


HOSTILE = """IFS== read -r _ begin
IFS== read -r _ end
echo "$begin"
{said}
echo "$end"
"""


async def test_a_host_that_knows_the_markers_can_say_anything_and_only_of_itself(sshd: Sshd, driver: Make) -> None:
    wild = r"""printf 'host.name=$(reboot)`id`\nos.name=\033[2J\342\200\256x\nkernel=\377\376\n'
printf 'ports.tcp=[[[[\nav.count=1e999\n'"""
    told = {sheet.topic: sheet for sheet in await _hostile(sshd, driver, wild)}
    assert told["host"].facts["host.name"] == "$(reboot)`id`"
    assert str(told["host"].facts["os.name"]).isprintable()
    assert told["host"].facts["script.sha256"] == script.SHA256[script.FACTS]
    assert (told["network"].facts, told["network"].unread) == ({}, {"ports.tcp": "unreadable"})
    assert (told["antivirus"].facts, told["antivirus"].unread) == ({}, {"av.count": "unreadable"})


@pytest.mark.parametrize(
    "said",
    [
        "head -c 1073741824 /dev/zero",
        "yes '[' | head -c 900000 | tr -d '\\n'",  # brackets within brackets
        "yes host.name=a | head -n 30000",
        "cat /dev/urandom | head -c 65536",
    ],
)
async def test_facts_that_are_none_are_told_as_an_output_nobody_can_read(said: str, sshd: Sshd, driver: Make) -> None:
    error = await _failure(_hostile(sshd, driver, said))
    assert error.reason == Reason.UNREADABLE_OUTPUT


async def _hostile(sshd: Sshd, driver: Make, said: str) -> Any:
    (sshd.folder / "hostile.sh").write_text(HOSTILE.format(said=said), encoding="ascii")
    _authorize(sshd, f'command="sh {sshd.folder}/hostile.sh" ')
    telling: Any = driver("host/ssh", sshd.address, **sshd.options())
    try:
        return await telling.facts()
    finally:
        await telling.close()


async def test_a_script_that_never_ends_is_left(sshd: Sshd, driver: Make, poll: Poll) -> None:
    _authorize(sshd, 'command="while :; do echo still here; sleep 0.05; done" ')
    error = await _failure(poll(driver("host/ssh", sshd.address, **sshd.options(run=1.5))))
    assert (type(error), error.reason) == (Refused, Reason.RUN_TIMEOUT)


async def test_a_port_where_nobody_listens_refuses(sshd: Sshd, driver: Make, poll: Poll) -> None:
    error = await _failure(poll(driver("host/ssh", "127.0.0.1", **sshd.options(port=1))))
    assert (type(error), error.reason) == (Unreachable, Reason.CONNECTION_REFUSED)


def _authorize(sshd: Sshd, options: str) -> None:
    public = (sshd.folder / "client.pub").read_text()
    (sshd.folder / "authorized_keys").write_text(options + public, encoding="ascii")


def _nobody_logged_in(sshd: Sshd) -> bool:
    log = (sshd.folder / "log").read_text(errors="replace")
    return "Accepted" not in log and "Failed" not in log


async def _failure(polling: Awaitable[Any]) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        await polling
    return caught.value
