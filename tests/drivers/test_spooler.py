"""What a print queue tells of a printer whose port a program holds: of a real CUPS, and by the words of Windows."""

import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import ipp, spooler, winspool
from drivers.base import Driver, Reading
from drivers.catalogue import catalogue
from drivers.errors import Busy
from drivers.passbook.driver import PassbookOptions
from drivers.spooler import Queue, gravest, is_stuck, of_printer, of_reasons
from server.http.listening import answers
from tests.drivers.test_port_owner import OPENED, teller

Start = Callable[..., Awaitable[tuple[Any, str]]]
Make = Callable[..., Driver]
Poll = Callable[[Driver], Awaitable[Reading]]
INSTALL = "apt-get install -y cups-daemon cups-client cups-ipp-utils"
PROGRAMS = ("cupsd", "lpadmin", "cupsdisable", "lp", "ipptool")
CUPSD = """\
Listen 127.0.0.1:{port}
Browsing Off
WebInterface No
DefaultAuthType None
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""
FILES = """\
FileDevice Yes
ServerRoot {folder}/root
StateDir {folder}/state
CacheDir {folder}/cache
RequestRoot {folder}/spool
TempDir {folder}/spool/tmp
AccessLog {folder}/access_log
ErrorLog {folder}/error_log
PageLog {folder}/page_log
"""
SET_REASONS = """\
{{
  OPERATION CUPS-Add-Modify-Printer
  GROUP operation-attributes-tag
  ATTR charset attributes-charset utf-8
  ATTR language attributes-natural-language en
  ATTR uri printer-uri $uri
  GROUP printer-attributes-tag
  ATTR keyword printer-state-reasons {reasons}
  STATUS successful-ok
}}
"""


class Cups:
    """A CUPS of the test's own with one queue, "passbook", that prints to nowhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.uri = f"ipp://127.0.0.1:{self._port}/printers/passbook"

    def start(self) -> None:
        for name in ("root", "state", "cache", "spool/tmp"):
            (self._folder / name).mkdir(parents=True)
        settings, files = self._folder / "root" / "cupsd.conf", self._folder / "cups-files.conf"
        settings.write_text(CUPSD.format(port=self._port))
        files.write_text(FILES.format(folder=self._folder))
        self._process = subprocess.Popen(["cupsd", "-f", "-c", str(settings), "-s", str(files)])
        deadline = time.monotonic() + 60
        while not self._listens():
            assert time.monotonic() < deadline
            assert self._process.poll() is None
            time.sleep(0.02)
        self.run("lpadmin", "-p", "passbook", "-E", "-v", "file:///dev/null")

    def _listens(self) -> bool:
        return answers("127.0.0.1", self._port)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def run(self, program: str, *words: str) -> None:
        command = [program, "-h", f"127.0.0.1:{self._port}", *words]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def say(self, *reasons: str) -> None:
        """As the queue's backend says it while it prints."""
        test = self._folder / "reasons.test"
        test.write_text(SET_REASONS.format(reasons=",".join(reasons) or "none"))
        subprocess.run(["ipptool", "-q", self.uri, str(test)], check=True, timeout=60)


@pytest.fixture
def cups() -> Iterator[Cups]:
    if any(shutil.which(program) is None for program in PROGRAMS):
        pytest.skip(f"this test needs: {INSTALL}")
    folder = Path(mkdtemp(prefix="cups-"))
    folder.chmod(0o755)  # CUPS drops its rights, and pytest's folders are one user's alone
    made = Cups(folder)
    try:
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(folder)


async def test_a_queue_that_is_well_says_nothing_of_paper(cups: Cups) -> None:
    assert (await Queue(cups.uri).look()).parts == {"queue": "ok"}


async def test_a_queue_tells_what_its_printer_lacks_and_calls_nothing_well(cups: Cups) -> None:
    queue = Queue(cups.uri)
    cups.say("media-empty-error", "cover-open-warning")
    said = await queue.look()
    assert said.parts == {"queue": "ok", "paper": "out", "cover": "open"}
    assert "media-empty-error" in said.words
    cups.say()
    assert (await queue.look()).parts == {"queue": "ok"}


async def test_a_stopped_queue_is_told_and_its_jobs_have_an_age(cups: Cups, monkeypatch: pytest.MonkeyPatch) -> None:
    cups.run("cupsdisable", "passbook")
    cups.run("lp", "-d", "passbook", str(Path(__file__)))
    assert (await Queue(cups.uri).look()).parts == {"queue": "stopped"}
    [printer] = ipp.ask(ipp.GET_PRINTER_ATTRIBUTES, cups.uri, ["printer-up-time"])
    jobs = ipp.ask(ipp.GET_JOBS, cups.uri, ["job-state", "time-at-creation"])
    assert not is_stuck(printer, jobs)
    monkeypatch.setattr(spooler, "STUCK_SECONDS", -1)
    assert is_stuck(printer, jobs)


@pytest.mark.parametrize(
    ("job", "stuck"),
    [
        ({"job-state": [3], "time-at-creation": [400]}, False),
        ({"job-state": [3], "time-at-creation": [399]}, True),
        ({"job-state": [4], "time-at-creation": [0]}, False),  # held by a person
        ({"job-state": [5], "time-at-creation": [0], "time-at-processing": [999]}, False),
        ({"job-state": [5], "time-at-processing": [399]}, True),
        ({"job-state": [6]}, True),
        ({}, False),
    ],
)
def test_a_job_is_stuck_by_the_clock_of_its_service(job: ipp.Group, stuck: bool) -> None:
    assert is_stuck({"printer-up-time": [1000]}, [job]) is stuck


async def test_a_queue_that_is_not_there_is_unknown_and_said_why(cups: Cups) -> None:
    said = await Queue(f"{cups.uri}-2").look()
    assert said == spooler.Said({"queue": "unknown"}, "the print service has no such queue")


async def test_no_print_service_is_unknown() -> None:
    assert (await Queue("ipp://127.0.0.1:1/printers/x").look()).parts == {"queue": "unknown"}


@contextmanager
def hung_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A print service that takes every question and answers none, until the block ends."""
    monkeypatch.setattr(spooler, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(ipp, "SECONDS", 60)
    with create_server(("127.0.0.1", 0)) as server:
        yield f"ipp://127.0.0.1:{server.getsockname()[1]}/printers/x"


async def test_a_hung_print_service_leaves_a_held_printer_in_use(
    start: Start, driver: Make, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = await start("passbook")
    with teller(OPENED, port), hung_service(monkeypatch) as uri:
        polled = driver("passbook", port, emulation="olivetti", profile="simulated", queue=uri)
        with pytest.raises(Busy, match="did not answer") as busy:
            await poll(polled)
        assert busy.value.parts == {"queue": "unknown"}
        with pytest.raises(Busy, match="still owes") as again:
            await poll(polled)
        assert again.value.parts == {"queue": "unknown"}


def test_a_hung_print_service_does_not_hold_up_the_agents_end() -> None:
    code = """
        import asyncio, socket
        from drivers import ipp, spooler

        spooler.ANSWER_SECONDS, ipp.SECONDS = 0.1, 3600
        server = socket.create_server(("127.0.0.1", 0))
        said = asyncio.run(spooler.Queue(f"ipp://127.0.0.1:{server.getsockname()[1]}/printers/x").look())
        assert said.parts == {"queue": "unknown"}, said
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)


async def test_a_held_printer_is_told_of_by_its_queue_and_gets_not_one_byte(
    cups: Cups, start: Start, driver: Make, poll: Poll
) -> None:
    printer, port = await start("passbook")
    cups.say("media-empty-error")
    polled = driver("passbook", port, emulation="olivetti", profile="simulated", queue=cups.uri)
    with teller(OPENED, port) as program:
        with pytest.raises(Busy) as busy:
            await poll(polled)
        assert busy.value.parts == {"queue": "ok", "paper": "out"}
        assert str(program.pid) in busy.value.detail
        assert printer.heard == 0
    assert "queue" not in (await poll(polled)).parts


def test_of_several_words_the_gravest_counts() -> None:
    assert of_reasons(["media-low-warning", "media-empty-error"], stuck=False)["paper"] == "out"
    assert of_reasons(["media-empty-error", "media-low-warning"], stuck=False)["paper"] == "out"
    assert of_reasons(["paused"], stuck=True)["queue"] == "stopped"


@pytest.mark.parametrize(
    ("reason", "parts"),
    [
        ("none", {}),
        ("connecting-to-device", {}),
        ("cups-waiting-for-job-completed", {}),
        ("spool-area-full-report", {}),
        ("spool-area-full-error", {"alarm": "present"}),
        ("spool-area-full", {"alarm": "present"}),
        ("fuser-over-temp", {"alarm": "present"}),
        ("connecting-to-device-warning", {}),
        ("hold-new-jobs", {"queue": "stopped"}),
        ("offline-report", {"queue": "offline"}),
        ("media-jam", {"paper": "jammed"}),
        ("door-open-report", {"cover": "open"}),
    ],
)
def test_a_reason_without_a_part_is_an_alarm_only_if_it_is_one(reason: str, parts: dict[str, str]) -> None:
    assert of_reasons([reason], stuck=False) == parts


@pytest.mark.parametrize(
    ("printer", "reasons", "queue"),
    [
        ({"printer-state": [3]}, ["none"], "ok"),
        ({"printer-state": [4]}, ["media-low-warning"], "ok"),
        ({"printer-state": [5]}, ["none"], "stopped"),
        ({"printer-state": [3], "printer-is-accepting-jobs": [False]}, ["none"], "stopped"),
        ({"printer-state": [3]}, ["offline-report"], "offline"),
        ({"printer-state": [9]}, ["none"], "unknown"),
        ({"printer-state": [3]}, [], "unknown"),
        ({}, ["media-empty"], "unknown"),
        ({}, [], "unknown"),
    ],
)
def test_a_queue_is_ok_only_by_its_own_word(printer: ipp.Group, reasons: list[str], queue: str) -> None:
    assert of_printer(printer, reasons, stuck=False)["queue"] == queue


@given(st.lists(st.text(max_size=30)), st.booleans())
def test_any_reasons_give_words_of_the_catalogue(reasons: list[str], stuck: bool) -> None:
    _known(of_reasons(reasons, stuck=stuck))


def test_every_word_a_queue_may_say_is_the_catalogues() -> None:
    for part, word in [*spooler.REASONS.values(), ("queue", "ok"), ("queue", "stuck"), ("queue", "unknown")]:
        _known({part: word})


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.lists(st.integers(0, 0xFFFFFFFF)))
def test_any_status_of_windows_gives_words_of_the_catalogue(status: int, attributes: int, jobs: list[int]) -> None:
    _known(gravest(winspool.said(status, attributes, jobs)))


def test_the_status_bits_of_windows_are_told() -> None:
    assert gravest(winspool.said(0, 0, [])) == {}
    assert gravest(winspool.said(0x1 | 0x10, 0, [])) == {"queue": "stopped", "paper": "out"}
    assert gravest(winspool.said(0x2, 0, [0x2, 0x40])) == {"alarm": "present", "queue": "stuck", "paper": "out"}


def test_a_printer_that_windows_cannot_reach_or_was_told_not_to_use_is_not_ok() -> None:
    assert gravest(winspool.said(0x800000, 0, [])) == {"queue": "unknown"}
    assert gravest(winspool.said(0x2000000, 0, [])) == {"queue": "offline"}
    assert gravest(winspool.said(0x800000 | 0x1, 0, [])) == {"queue": "stopped"}
    assert gravest(winspool.said(0, 0x400, [])) == {"queue": "offline"}


def _known(parts: dict[str, str]) -> None:
    for key, word in parts.items():
        part = catalogue().find_part(key)
        assert part is not None
        assert word in part.words


@pytest.mark.parametrize(
    "queue", ["http://x/y", "ipp://", "ipp://host", "ipp://h/a b", "ipp://h/打", "a\nb", "x" * 221]
)
def test_what_is_no_queue_is_told_when_the_inventory_is_read(queue: str) -> None:
    with pytest.raises(ValueError, match="queue"):
        PassbookOptions(emulation="olivetti", queue=queue)
