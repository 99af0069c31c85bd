"""`branchfleet-agent discover` against simulators: what it prints is polled as it stands."""

import io
import json
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.assignment import keep
from agent.cli import main
from agent.exit import Exit
from agent.ports import Port, Readers
from agent.wire import Assignment, Polled

pytestmark = pytest.mark.usefixtures("english")


V3 = {"version": "3", "user": "watcher", "auth": "SHA", "auth_password": "authpass123"}
SIMULATED: dict[str, tuple[str, dict[str, object]]] = {
    "ups": ("snmp", {"profile": "ups"}),
    "printer": ("snmp", {"profile": "printer", "community": "branch-secret"}),
    "pc": ("snmp", {"profile": "host", **V3}),
    "atm": ("atm/xfs4iot", {}),
    "passbook": ("passbook", {}),
}


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of SIMULATED, which run in a process of their own."""
    folder = tmp_path_factory.mktemp("devices")
    simulators = [{"name": name, "kind": kind, "options": options} for name, (kind, options) in SIMULATED.items()]
    world = {"simulators": simulators, "log": str(folder / "log"), "folder": str(folder)}
    (folder / "world.json").write_text(json.dumps(world), encoding="utf-8")
    command = [sys.executable, "-m", "drivers.sim", str(folder / "world.json")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        yield json.loads(process.stdout.readline())["addresses"]
        process.stdin.close()


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`command("--range", "...", typed="...")` runs `discover` on a PC with nothing plugged in."""
    monkeypatch.setenv("BRANCHFLEET_AGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("agent.discover.command.serial_ports", list)
    monkeypatch.setattr("agent.discover.command.card_readers", Readers)

    def run(*arguments: str, typed: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            main(["discover", *arguments])
        said = capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return run


def test_what_is_proposed_is_polled_as_it_stands(
    command: Command, devices: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    secured = ",".join(f"{key}={value}" for key, value in V3.items())
    ran = command(
        *(word for name in ("ups", "printer", "pc") for word in ("--range", devices[name])),
        *("--community", "public", "--community", "branch-secret", "--ask", f"snmp,{secured}"),
        *("--serial", f"{devices['passbook']}=passbook,emulation=olivetti,profile=simulated"),
    )
    assert ran.code == Exit.DONE
    assert "branch-secret" not in ran.out + ran.err
    assert "authpass123" not in ran.out + ran.err
    assert "secret set snmp-community" in ran.err
    proposed = {one["key"]: one for one in tomllib.loads(ran.out)["position"]}
    assert {key: one["options"] for key, one in proposed.items()} == {
        "ups-1": {"profile": "ups"},
        "printer-1": {"community": "secret:snmp-community", "profile": "printer"},
        "pc-1": {**V3, "auth_password": "secret:snmp-auth-password", "profile": "host"},
        "passbook-printer-1": {"emulation": "olivetti", "profile": "simulated"},
    }
    file = tmp_path / "proposed.toml"
    file.write_text(ran.out, encoding="utf-8")
    typed = {"printer-1": "branch-secret\n", "pc-1": "authpass123\n"}
    for key in proposed:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed.get(key, "")))
        with pytest.raises(SystemExit) as ended:
            main(["poll", f"here/{key}", "--inventory", str(file)])
        assert (ended.value.code or 0) == Exit.DONE, capsys.readouterr()
    capsys.readouterr()
    again = command(*("--range", devices["ups"]), *("--serial", f"{devices['passbook']}=passbook,emulation=olivetti"),
                    "--inventory", str(file))  # fmt: skip
    assert tomllib.loads(again.out) == {}
    assert "Polled already and left out: 1." in again.err
    assert "is polled already, and was not asked" in again.err


def test_a_community_by_name_is_asked_for_and_written_by_its_name(command: Command, devices: dict[str, str]) -> None:
    ran = command("--range", devices["printer"], "--community", "secret:net-ro", typed="branch-secret\n")
    assert tomllib.loads(ran.out)["position"][0]["options"]["community"] == "secret:net-ro"


def test_json_has_the_same_for_a_program(command: Command, devices: dict[str, str]) -> None:
    said = json.loads(command("--range", devices["ups"], "--json").out)
    assert said["stopped"] is False
    [ups] = said["proposed"]
    assert (ups["class"], ups["address"], ups["key"]) == ("ups", devices["ups"], "ups-1")
    assert "SU-3000" in ups["seen"]


def test_what_the_assignment_polls_is_left_out(command: Command, devices: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    one = {"name": "", "driver": "snmp", "options": {}, "interval": 60.0}
    polled = [Polled(position="1001/ups-1", address=devices["ups"], **one)]  # type: ignore[arg-type]
    keep(tmp_path / "home", Assignment(agent="a", revision="1", polled=polled))
    assert tomllib.loads(command("--range", devices["ups"]).out) == {}
    known_branch = command("--range", devices["printer"], "--community", "branch-secret")
    assert tomllib.loads(known_branch.out)["position"][0]["branch"] == "1001"


def test_a_serial_port_is_listed_and_never_asked_by_itself(
    command: Command, monkeypatch: pytest.MonkeyPatch, devices: dict[str, str]
) -> None:
    found = [Port(address=devices["passbook"], name="USB-Serial Controller", usb="067b:2303")]
    monkeypatch.setattr("agent.discover.command.serial_ports", lambda: found)
    ran = command()
    assert tomllib.loads(ran.out) == {}
    assert "067b:2303" in ran.out
    assert f"--serial {devices['passbook']}=DRIVER" in ran.out


def test_a_serial_port_that_does_not_answer_is_said_and_not_proposed(command: Command, devices: dict[str, str]) -> None:
    ran = command("--serial", f"{devices['passbook']}=card_reader/crt,model=crt-310")
    assert tomllib.loads(ran.out) == {}
    assert "asked as card_reader/crt" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--range", "10.0.0.0/8"], Exit.BAD_INPUT, "16777214 addresses"),
        (["--range", "10.0.0.1", "--ask", "reach"], Exit.BAD_INPUT, "no driver that can look around; there are: "),
        (["--range", "10.0.0.1", "--ask", "snmp,version=3"], Exit.BAD_INPUT, "needs a `user`"),
        (["--range", "10.0.0.1", "--ask", "snmp,comunity=x"], Exit.BAD_INPUT, "comunity"),
        (["--range", "10.0.0.1", "--community", "secret:ro"], Exit.NOT_SET_UP, '"ro" is needed'),
        (["--serial", "COM3"], Exit.BAD_INPUT, "is not PORT=DRIVER"),
        (["--serial", "COM3=pasbook"], Exit.BAD_INPUT, "There is no driver"),
        (["--serial", "10.0.0.1=passbook,emulation=olivetti"], Exit.BAD_INPUT, "is not a serial port"),
        (["--serial", "COM3=passbook"], Exit.BAD_INPUT, "emulation"),
        (["--inventory", "nowhere.toml"], Exit.BAD_INPUT, "no such file"),
        (["--rate", "0"], Exit.USAGE, "0.1"),
    ],
)
def test_a_wrong_word_is_told_before_anything_is_asked(
    command: Command, arguments: list[str], code: Exit, sentence: str
) -> None:
    ran = command(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert sentence in ran.err


def test_the_branch_must_be_one_of_the_inventory(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "inventory.toml"
    branches = "".join(f'[[branch]]\nkey = "{key}"\nname = "支行"\nkind = "branch"\n' for key in ("1001", "1002"))
    file.write_text(f'[bank]\nname = "行"\n{branches}', encoding="utf-8")
    assert "--branch 1001" in command("--inventory", str(file)).err
    ran = command("--inventory", str(file), "--branch", "1003")
    assert ran.code == Exit.NOT_FOUND
    assert "Did you mean 1002?" in ran.err
    assert command("--inventory", str(file), "--branch", "1002").code == Exit.DONE


def test_ctrl_c_prints_what_was_found_so_far(devices: dict[str, str], tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        never = f"127.0.0.1:{silent.getsockname()[1]}"
        communities = [word for n in range(40) for word in ("--community", f"wrong-{n}" if n else "public")]
        words = ["--range", devices["ups"], "--range", never, *communities, "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "discover", *words, "--home", str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr
        said = [process.stderr.readline()]
        while " 1 found." not in said[-1] and said[-1]:
            said.append(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    found: dict[str, Any] = json.loads(out)
    assert process.returncode == Exit.STOPPED
    assert found["stopped"] is True
    assert [one["key"] for one in found["proposed"]] == ["ups-1"]
    assert "Stopped after" in err


def test_an_atm_is_found_on_the_network_as_well(command: Command, devices: dict[str, str]) -> None:
    [atm] = tomllib.loads(command("--range", devices["atm"]).out)["position"]
    assert (atm["driver"], atm["class"], atm["address"]) == ("atm/xfs4iot", "atm", devices["atm"])
