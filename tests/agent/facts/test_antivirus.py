"""ClamAV as it says of itself: by its files, by clamscan, and by the clamd that runs. Real where it is installed."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.facts.antivirus import antivirus, clamd, header, version_of
from agent.facts.sheet import NotRead
from tests.agent.facts.conftest import Tree

NOW = 1_793_764_800  # 2026-11-04
BUILT = NOW - 3 * 86_400
HEADER = f"ClamAV-VDB:01 Nov 2026 04-00 +0000:27801:2067000:90:{'a' * 32}:sig:builder:{BUILT}".ljust(512).encode()
SCAN = {"usr/bin/clamscan": "#!/bin/sh\necho 'ClamAV 1.4.3/27801/Sun Nov  1 04:00:00 2026'\n", "proc/1/comm": "init\n"}
LIBRARY = "var/lib/clamav/daily.cvd"
Daemon = Callable[[bytes], Path]


@pytest.fixture
def daemon(tree: Tree) -> Iterator[Daemon]:
    """`daemon(b"ClamAV ...")` answers so on the socket of a tree."""
    listening: list[socket.socket] = []

    def serve(answer: bytes) -> Path:
        root = tree(SCAN | {LIBRARY: HEADER, "etc/clamav/clamd.conf": "# x\nLocalSocket /s\n"})
        link = socket.socket(socket.AF_UNIX)
        link.bind(str(root / "s"))
        link.listen()
        listening.append(link)

        def answers() -> None:
            with suppress(OSError):
                while True:
                    client, _ = link.accept()
                    with client:
                        client.recv(64)
                        client.sendall(answer)

        threading.Thread(target=answers, daemon=True).start()
        return root

    yield serve
    for link in listening:
        link.shutdown(socket.SHUT_RDWR)
        link.close()


def test_a_pc_without_antivirus_says_that_it_looked(tree: Tree) -> None:
    sheet = antivirus(tree({"proc/1/comm": "init\n"}))
    assert (sheet.facts, sheet.unread) == ({"av.looked": ["ClamAV"], "av.count": 0}, {})


def test_the_library_is_dated_by_its_own_header(tree: Tree) -> None:
    facts = antivirus(tree(SCAN | {LIBRARY: HEADER}), NOW).facts
    assert (facts["av.1.library"], facts["av.1.library_at"]) == ("27801", BUILT * 1_000_000)
    assert (facts["av.1.product"], facts["av.1.engine"], facts["av.1.read"]) == ("ClamAV", "1.4.3", "clamscan -V")
    assert facts["av.1.realtime"] is False


def test_a_daemon_that_looks_by_an_older_library_is_believed(daemon: Daemon) -> None:
    facts = antivirus(daemon(b"ClamAV 1.4.1/27700/Thu Jul 23 09:26:00 2026\0"), NOW).facts
    assert (facts["av.1.library"], facts["av.1.engine"], facts["av.1.read"]) == ("27700", "1.4.1", "clamd")
    assert facts["av.1.library_at"] != BUILT * 1_000_000


def test_it_watches_where_the_daemon_and_its_eye_on_files_run(tree: Tree) -> None:
    running = {"proc/7/comm": "clamd\n", "proc/8/comm": "clamonacc\n"}
    assert antivirus(tree(SCAN | running), NOW).facts["av.1.realtime"] is True
    (tree({}) / "proc/8/comm").write_text("sh\n")
    assert antivirus(tree({}), NOW).facts["av.1.realtime"] is False


def test_what_runs_in_a_container_of_the_pc_watches_no_file_of_the_pc(tree: Tree) -> None:
    running = {"proc/7/comm": "clamd\n", "proc/8/comm": "clamonacc\n", "proc/7/status": "NSpid:\t7\n"}
    assert antivirus(tree(SCAN | running | {"proc/8/status": "NSpid:\t8\n"}), NOW).facts["av.1.realtime"] is True
    inside = tree({"proc/8/status": "Name:\tclamonacc\nNSpid:\t8\t2\n"})
    assert antivirus(inside, NOW).facts["av.1.realtime"] is False


def test_where_others_processes_are_hidden_it_is_not_said_to_be_off(tree: Tree) -> None:
    root = tree({name: text for name, text in SCAN.items() if not name.startswith("proc")})
    (root / "proc").mkdir()
    sheet = antivirus(root, NOW)
    assert "av.1.realtime" not in sheet.facts
    assert sheet.unread["av.1.realtime"] == "rights"


def test_an_engine_without_a_library_has_none(tree: Tree) -> None:
    sheet = antivirus(tree({"usr/bin/clamscan": "#!/bin/sh\necho ClamAV 1.4.3\n", "proc/1/comm": ""}), NOW)
    assert "av.1.library" not in sheet.facts
    assert (sheet.unread["av.1.library"], sheet.unread["av.1.library_at"]) == ("absent", "absent")


@pytest.mark.parametrize("built", [0, NOW + 3 * 86_400, 10**11 - 1])
def test_a_library_of_no_possible_date_has_none(tree: Tree, built: int) -> None:
    wrong = HEADER.replace(str(BUILT).encode(), str(built).encode())
    sheet = antivirus(tree(SCAN | {LIBRARY: wrong}), NOW)
    assert sheet.unread["av.1.library_at"] == "unreadable"
    assert "av.1.library_at" not in sheet.facts


@pytest.mark.parametrize("raw", [b"", b"ClamAV-VDB:x", b"\xff" * 600, HEADER.replace(b"27801", b"$(id)")])
def test_a_header_nobody_can_read_is_no_library(tree: Tree, raw: bytes) -> None:
    with pytest.raises(NotRead) as said:
        header(tree({LIBRARY: raw}), "/var/lib/clamav")
    assert said.value.why == "unreadable"


@pytest.mark.parametrize("answer", [b"", b"\xff\xfe\x1b[2J\0", b"A" * 5000, b"ClamAV\0"])
def test_a_daemon_that_talks_nonsense_leaves_what_a_scan_would_say(daemon: Daemon, answer: bytes) -> None:
    facts = antivirus(daemon(answer), NOW).facts
    assert (facts["av.1.read"], facts["av.1.library"]) == ("clamscan -V", "27801")


REAL = pytest.mark.skipif(
    not all(shutil.which(name, path="/usr/bin:/usr/sbin") for name in ("clamscan", "clamd", "sigtool")),
    reason="no ClamAV: apt-get install clamav clamav-daemon",
)


@REAL
def test_the_clamav_of_this_machine_is_found_with_its_version() -> None:
    said = subprocess.check_output(["clamscan", "-V"], text=True)
    facts = antivirus(Path("/")).facts
    assert facts["av.count"] == 1
    assert facts["av.1.engine"] == version_of(said).engine
    assert str(facts["av.1.engine"])[0].isdigit()


@REAL
def test_a_real_clamd_tells_its_version_until_it_is_stopped(tmp_path: Path) -> None:
    library = tmp_path / "db"
    library.mkdir()
    (library / "test.hdb").write_text("44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test\n")
    settings = tmp_path / "clamd.conf"
    settings.write_text(
        f"LocalSocket {tmp_path}/s\nDatabaseDirectory {library}\nForeground yes\n"
        + ("User root\n" if os.geteuid() == 0 else "")
    )
    with subprocess.Popen(["clamd", "-c", str(settings)], stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 120
            while not (tmp_path / "s").exists():
                assert process.poll() is None, "clamd did not start"
                assert time.monotonic() < until
                time.sleep(0.05)
            said = version_of(clamd(Path("/"), f"{tmp_path}/s"))
            assert said.engine == version_of(subprocess.check_output(["clamscan", "-V"], text=True)).engine
        finally:
            process.terminate()
    with pytest.raises(NotRead):
        clamd(Path("/"), f"{tmp_path}/s")
