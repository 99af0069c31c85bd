"""A simulated device in a person's hands: the address on standard output, sentences on standard error."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ask import poll_once
from agent.cli import main
from agent.exit import Exit
from agent.poll import Seen
from agent.simulate import Hand, Wanted, checked, drivers, settable, wanted
from agent.typed import Bad, pairs
from agent.wire import Polled
from drivers.sim.base import Fault

pytestmark = pytest.mark.usefixtures("english")


PASSBOOK: dict[str, object] = {"emulation": "olivetti", "profile": "simulated"}
FILE = ["file", "--option", "layout=pos-daily", "--option", "row=1"]


class Running:
    """`branchfleet-agent simulate ...` in a process of its own, talked to by lines."""

    def __init__(self, temporary: Path, *arguments: str) -> None:
        self.temporary = temporary
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "simulate", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._typed, self._data, self._said = self._process.stdin, self._process.stdout, self._process.stderr
        self.address = self._data.readline().strip()
        if self.address:
            self._said.readline()

    def type(self, line: str) -> str:
        """Type a line, and read what is said; the sentence of "show" comes after it, so it is read as well."""
        self._typed.write(f"{line}\nshow\n")
        self._typed.flush()
        said = self._said.readline().strip()
        return said if "  fault " in said else f"{said} | {self._said.readline().strip()}"

    def next_sentence(self) -> str:
        return self._said.readline().strip()

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        """The exit code and the rest of what was printed, after a signal or the end of standard input."""
        if number is not None:
            self._process.send_signal(number)
        out, err = self._process.communicate(timeout=60) if number is None else ("", "")
        if number is not None:
            self._process.wait(60)
            out, err = self._data.read(), self._said.read()
        return self._process.returncode, out, err

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._typed, self._data, self._said):
            stream.close()


Simulated = Callable[..., Running]


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Simulated]:
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield start
    for running in started:
        running.close()


def _poll(address: str, driver: str = "passbook", options: dict[str, object] = PASSBOOK) -> Seen:
    seen, _ = poll_once(Polled(position="1/a", name="", driver=driver, address=address, options=options, interval=0))
    return seen


def test_it_is_polled_at_the_address_it_prints_and_says_what_was_typed(simulated: Simulated) -> None:
    printer = simulated("passbook", "--set", "paper=out")
    assert _poll(printer.address).reading.parts["paper"] == "out"
    assert printer.next_sentence().startswith("It told:")
    assert printer.type("paper=low  cover=open") == "cover=open  paper=low  document=none  fault none"
    assert _poll(printer.address).reading.parts == {"paper": "low", "cover": "open", "document": "none"}


def test_a_fault_can_be_switched_on_from_the_beginning_and_off_by_hand(simulated: Simulated) -> None:
    printer = simulated("passbook", "--fault", "garbage")
    garbled = _poll(printer.address).failure
    assert garbled is not None
    assert garbled.kind == "garbled"
    assert printer.type("fault none").endswith("fault none")
    assert _poll(printer.address).failure is None


@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_its_input_or_a_signal_and_leaves_nothing(
    simulated: Simulated, number: int | None, tmp_path: Path
) -> None:
    printer = simulated("passbook")
    assert list(tmp_path.iterdir())
    assert printer.end(number) == (Exit.DONE, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("snmp", ["--option", "profile=ups"]),
        ("card_reader/crt", ["--option", "model=crt-591"]),
        ("escpos", []),
        ("ups/megatec", []),
        ("atm/xfs4iot", []),
        ("reach", []),
    ],
)
def test_it_answers_at_the_port_that_was_asked_for(simulated: Simulated, driver: str, options: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    device = simulated(driver, *options, "--port", str(port))
    assert device.address.endswith(f"127.0.0.1:{port}")
    seen = _poll(device.address, driver, {"model": "crt-591"} if driver == "card_reader/crt" else {})
    assert seen.failure is None


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["pasbook"], Exit.NOT_FOUND, "Did you mean passbook?"),
        (["passbook", "--set", "paper"], Exit.BAD_INPUT, '"paper" is not KEY=VALUE.'),
        (["passbook", "--set", "paper=gone"], Exit.BAD_INPUT, "it is one of ok, full, low"),
        (["passbook", "--set", "paper=full"], Exit.BAD_INPUT, "it can be ok, low, out, jammed"),
        (["passbook", "--fault", "broken"], Exit.BAD_INPUT, "there are: none, silent, slow"),
        (["snmp", "--set", "paper=out"], Exit.BAD_INPUT, 'a simulated host has no "paper"'),
        (["snmp", "--set", "cpu.load=much"], Exit.BAD_INPUT, "cpu.load cannot be"),
        (["file", "--option", "layout=pos-daily"], Exit.BAD_INPUT, "needs --option row="),
        (["file", "--option", "layout=3"], Exit.BAD_INPUT, "wrong"),
        ([*FILE, "--port", "9"], Exit.BAD_INPUT, "takes no --port"),
        ([*FILE, "--set", "file:activity=unknown"], Exit.BAD_INPUT, "it can be active, dormant, stop"),
        (["escpos", "--option", "statons=3"], Exit.BAD_INPUT, 'has no option "statons"'),
        (["escpos", "--set", "paper.journal=low"], Exit.BAD_INPUT, "it has cover"),
        (["card_reader/crt", "--option", "model=crt-1"], Exit.BAD_INPUT, "it can be crt-310, crt-571"),
        (["card_reader/crt", "--option", "model=crt-591", "--option", "unit=16"], Exit.BAD_INPUT, "number up to 15"),
        (["card_reader/omron", "--set", "card=captured"], Exit.BAD_INPUT, "it can be none, entering, present, jammed"),
        (["card_reader/pcsc", "--set", "card=jammed"], Exit.BAD_INPUT, "it can be none, present, mute"),
        (["card_reader/pcsc", "--option", "port=x"], Exit.BAD_INPUT, "port is a whole number"),
        (["pos/zvt", "--set", "status=zz"], Exit.BAD_INPUT, "two hex digits"),
        (["pos/zvt", "--option", "framing=blocks"], Exit.BAD_INPUT, "it can be by address, bare, serial"),
        (["pos/ecr", "--set", "paper=out"], Exit.BAD_INPUT, "nothing to set"),
        (["pos/ecr", "--option", "dialect=other"], Exit.BAD_INPUT, "it can be generic, mellon"),
        (["atm/xfs4iot", "--set", "paper=out"], Exit.BAD_INPUT, "it has card, antiFraud"),
        (["atm/xfs4iot", "--option", "version=9"], Exit.BAD_INPUT, "it can be 2021-1, 3.0"),
        (["atm/xfs4iot", "--option", "certificate=/nowhere"], Exit.BAD_INPUT, "there is none at /nowhere"),
        (["ups/megatec", "--set", "power=unknown"], Exit.BAD_INPUT, "it can be mains, battery, bypass, none"),
        (["snmp", "--option", "profile=ups-huawei"], Exit.BAD_INPUT, "it can be auto, host"),
        (["snmp", "--option", "version=3"], Exit.BAD_INPUT, "needs a `user`"),
        (["snmp", "--set", "port.x=up"], Exit.BAD_INPUT, 'has no "port.x"'),
        (["snmp", "--option", "recording=/nowhere"], Exit.BAD_INPUT, "/nowhere: No such file"),
        (["reach", "--set", "paper=out"], Exit.BAD_INPUT, "nothing to set"),
        (["passbook", "--option", "emulation=ibm"], Exit.BAD_INPUT, "it can be olivetti, ncr-5021"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: Exit, sentence: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *arguments])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (code, "")
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit) as ended:
            main(["simulate", "reach", "--port", str(taken.getsockname()[1])])
    assert ended.value.code == Exit.BUSY
    assert "in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("papr=out", "Did you mean paper?"),
        ("paper=gone", "it is one of ok"),
        ("paper=full", "it can be ok, low, out, jammed"),
        ("battery=low", "it has cover, paper, document, device"),
        ("fault sleepy", "there are: none, silent"),
        ("fault", "Say which fault"),
        ("open the cover", '"open" is not KEY=VALUE.'),
        ("=", "is not KEY=VALUE."),
    ],
)
def test_a_bad_line_changes_nothing_and_is_told_in_one_sentence(tmp_path: Path, line: str, sentence: str) -> None:
    simulator, hand, said = _hand(tmp_path)
    before = dict(simulator.state)
    hand.do(line)
    assert len(said) == 1
    assert sentence in said[0]
    assert (simulator.state, simulator.fault) == (before, Fault.NONE)


def test_a_file_of_several_terminals_is_set_by_subject(tmp_path: Path) -> None:
    asked_for = wanted("file", [], ["layout=pos-daily", 'rows={"1007/pos-1" = "62010001"}'], None)
    simulator = asked_for.made(tmp_path, {})
    said: list[str] = []
    hand = Hand(simulator, asked_for, tmp_path, said.append)
    hand.do("1007/pos-1:activity=dormant")
    hand.do("1007/pos-1:activity=asleep")
    assert simulator.state == {"1007/pos-1:activity": "dormant"}
    assert "it is one of active, dormant, stop" in said[0]


def test_what_only_this_simulator_has_can_be_set_too(tmp_path: Path) -> None:
    asked_for = wanted("card_reader/crt", ["initialised=no"], ["model=crt-591", "unit=3"], None)
    assert asked_for.made(tmp_path, {}).state["initialised"] == "no"
    assert asked_for.options == {"model": "crt-591", "unit": 3}


def _hand(folder: Path) -> tuple[Any, Hand, list[str]]:
    asked_for = Wanted("passbook", {}, {}, None)
    simulator = asked_for.made(folder, {})
    said: list[str] = []
    return simulator, Hand(simulator, asked_for, folder, said.append), said


@settings(deadline=None)
@given(st.text())
def test_any_line_is_done_or_told(line: str) -> None:
    simulator, hand, said = _hand(Path("/nowhere"))
    hand.do(line)
    assert all(sentence.isprintable() or "\n" in sentence for sentence in said)
    assert set(simulator.state) <= {"cover", "paper", "document", "device"}


@settings(deadline=None)
@given(st.lists(st.text()))
def test_any_pairs_are_pairs_or_told(said: list[str]) -> None:
    with suppress(Bad):
        assert all(isinstance(key, str) for key in checked(pairs(said), {}))


@pytest.mark.parametrize("driver", drivers())
def test_the_help_lists_what_can_be_set_in_it_and_all_of_that_can_be(
    driver: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    assert f"Parts of {driver}:" in capsys.readouterr().out
    options: dict[str, Any] = {"file": {"layout": "pos-daily", "row": "1"}}.get(driver, {})
    for line in settable(driver, options):
        key, _, words = line.partition(": ")
        for word in words.split(", ") if words else []:
            key = key.replace("NAME", "1").replace("SERVICE", "CardReader1")
            said = {"NUMBER": "1", "TEXT": "x"}.get(word, word)
            Wanted(driver, options, {}, None).made(tmp_path, {key: said})
    with pytest.raises(SystemExit) as ended:
        main(["simulate", driver, *(f"--option={key}={value}" for key, value in options.items()), "--parts"])
    assert ended.value.code in (0, None)
    assert capsys.readouterr().out.splitlines() == list(settable(driver, options))


def test_a_person_is_told_in_chinese_unless_english_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for lang, said in (
        ("zh", 'paper 不能是 "gone"：可以是 ok, full, low, out, jammed, unknown。\n'),
        ("en", 'paper cannot be "gone": it is one of ok, full, low, out, jammed, unknown.\n'),
    ):
        monkeypatch.setenv("BRANCHFLEET_LANG", lang)
        with pytest.raises(SystemExit):
            main(["simulate", "passbook", "--set", "paper=gone"])
        assert capsys.readouterr().err == said
