"""No secret in anything a person or a program gets to read, whoever wrote it: a driver of ours or a careless one."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agent.assignment import keep, make_target
from agent.cli import main
from agent.exit import Exit
from agent.logs import ForPeople, ForPrograms, logging_to
from agent.poll import Poller
from agent.secrets import HIDDEN, OF_THIS_RUN, Secrets
from agent.show import as_json
from agent.wire import Assignment, Polled
from drivers.base import Shared
from tests.agent.enrolled import enrolled

if TYPE_CHECKING:
    from tests.agent.conftest import Centre
else:
    Centre = Any

WAYS = ["make", "open", "refused", "garbled", "number", "crash", "close", "reading"]
CANARY = "Kanarie-7'x\"\\口令"
Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the careless driver installed in it, on the path of this process."""
    folder = tmp_path_factory.mktemp("careless")
    about = folder / "leaky-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[branchfleet.drivers]\nleaky = leaky_with_secrets:Leaky\n")
    source = Path(__file__).with_name("leaky.py").read_text(encoding="utf-8")
    (folder / "leaky_with_secrets.py").write_text(source, encoding="utf-8")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(folder)
        yield folder


def polled(how: str, password: str, **more: object) -> Polled:
    options = {"password": password, "how": how, **more}
    return Polled(position=f"1001/{how}", name="", driver="leaky", address="x", options=options, interval=0.2)


@pytest.fixture
def unknown() -> Iterator[Secrets]:
    """A run whose secrets nobody learned yet."""
    secrets = Secrets()
    before = OF_THIS_RUN.set(secrets)
    yield secrets
    OF_THIS_RUN.reset(before)


@contextmanager
def heard(secrets: Secrets) -> Iterator[list[io.StringIO]]:
    """What the log says within the block, as people and as programs read it."""
    streams = [io.StringIO(), io.StringIO()]
    root = logging.getLogger("agent")
    handlers = [logging.StreamHandler(stream) for stream in streams]
    for handler, formatter in zip(handlers, (ForPeople(secrets), ForPrograms(secrets)), strict=True):
        handler.setFormatter(formatter)
        root.addHandler(handler)
    try:
        yield streams
    finally:
        for handler in handlers:
            root.removeHandler(handler)


def leaks(said: str, secret: str) -> bool:
    """Whether `secret` stands anywhere in `said`, as it is or as repr or JSON spell it."""
    spelled = {secret, repr(secret)[1:-1], ascii(secret)[1:-1], json.dumps(secret)[1:-1]}
    return any(spelling in piece for piece in said.split(HIDDEN) for spelling in spelled)


secret_texts = st.text(min_size=5, max_size=40).filter(lambda text: text.strip() == text and len(set(text)) > 3)


@given(secret_texts)
@example(CANARY)
@example('";\\\n\t\x1b[31m')
def test_a_secret_is_hidden_in_every_spelling(secret: str) -> None:
    assume(secret not in HIDDEN)
    secrets = Secrets()
    secrets.learn(secret)
    data = secret.encode()
    said = "\x00".join([secret, repr(secret), json.dumps(secret), quote(data), repr(data), data.hex(), data.hex(" ")])
    hidden = secrets.hide(said)
    assert not leaks(hidden, secret)
    assert data.hex() not in hidden
    assert quote(data) not in hidden
    assert data not in secrets.hide_bytes(b"\x02" + data + b"\x03")
    assert secrets.hide(hidden) == hidden


def test_the_longest_of_two_secrets_is_hidden_whole_and_a_short_one_only_by_itself() -> None:
    secrets = Secrets()
    secrets.learn("watch", "watchmaker", "7")
    assert secrets.hide("watchmaker watch 17 7 x7") == f"{HIDDEN} {HIDDEN} 17 {HIDDEN} x7"


def test_a_default_and_what_is_shown_are_no_secrets(unknown: Secrets) -> None:
    make_target(
        Polled(
            position="1/a", name="", driver="snmp", address="10.0.0.1", interval=60.0,
            options={"community": "public", "profile": "printer"},
        ),
        Shared(),
    )  # fmt: skip
    assert unknown.hide("a public printer") == "a public printer"


def test_of_a_host_the_private_key_is_secret_and_its_fingerprint_is_not(unknown: Secrets) -> None:
    pinned = "SHA256:" + "A" * 43
    options: dict[str, object] = {"user": "watcher", "private_key": CANARY, "host_key": pinned}
    make_target(
        Polled(position="1/a", name="", driver="host/ssh", address="10.0.0.1", interval=60.0, options=options), Shared()
    )
    assert unknown.hide(f"{pinned} was confirmed, {CANARY} was sent") == f"{pinned} was confirmed, {HIDDEN} was sent"


@pytest.mark.parametrize(
    ("driver", "options", "secret"),
    [
        ("snmp", {"community": CANARY}, []),
        ("snmp", {"version": "3", "user": "w", "auth_password": CANARY}, []),
        ("of nobody", {"bind_password": CANARY}, []),
        ("of nobody", {"bind": {"dn": [CANARY]}}, ["bind"]),
    ],
)
def test_what_is_secret_is_known_before_the_driver_is_made(
    unknown: Secrets, driver: str, options: dict[str, object], secret: list[str]
) -> None:
    about = Polled(
        position="1/a", name="", driver=driver, address="10.0.0.1", options=options, interval=1, secret=secret
    )
    make_target(about, Shared())
    assert unknown.hide(f"<{CANARY}>") == f"<{HIDDEN}>"


@pytest.mark.parametrize("how", WAYS)
@settings(max_examples=10, deadline=None)
@given(secret=secret_texts)
@example(secret=CANARY)
def test_a_careless_driver_tells_its_password_to_nobody(how: str, secret: str, leaky: Path) -> None:
    secrets = Secrets()
    before = OF_THIS_RUN.set(secrets)
    try:
        with heard(secrets) as streams:
            about = polled(how, secret)
            seen = asyncio.run(Poller().poll(make_target(about, Shared())))
    finally:
        OF_THIS_RUN.reset(before)
    people, programs = (stream.getvalue() for stream in streams)
    lines = [value for line in programs.splitlines() for value in json.loads(line).values()]
    assert not leaks(people, secret)
    assert not any(leaks(line, secret) for line in lines)
    shown = json.dumps(as_json(about, seen, 1))
    failure = [seen.failure.detail] if seen.failure else []
    assert not any(leaks(text, secret) for text in failure)
    data = secret.encode(errors="surrogatepass")
    assert data.hex() not in shown
    raws = [*seen.reading.raw.values(), seen.failure.raw if seen.failure else b""]
    assert all(data not in raw for raw in raws)
    if how in ("make", "open", "number", "crash", "close"):
        assert "Error" in people, "the log was to tell of a defect"


def start(home: Path, third_party: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(third_party), os.getcwd()])}
    command = [sys.executable, "-m", "agent.cli", "run", "--home", str(home)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8")


async def test_a_whole_agent_writes_its_secrets_nowhere_but_where_they_are_kept(
    centre: Centre, tmp_path: Path, leaky: Path, until: Until
) -> None:
    home = tmp_path / "home"
    enrolled(home, centre.url)
    centre.assign(*(polled(how, CANARY) for how in WAYS))
    agent = start(home, leaky)
    try:
        await until(lambda: all(centre.states(f"1001/{how}") for how in WAYS))
    finally:
        agent.terminate()
        _, said = agent.communicate()
    assert "has a defect" in said
    written = {path: path.read_bytes().decode(errors="replace") for path in home.rglob("*") if path.is_file()}
    kept = {home / "assignment.json", home / "identity.json"}
    assert kept < written.keys()
    texts = [said, *(text for path, text in written.items() if path not in kept)]
    records = msgspec.json.encode(centre.order).decode()
    for secret in (CANARY, "bfa_test"):
        assert not any(leaks(text, secret) for text in [*texts, records])


def test_a_poll_by_hand_logs_no_password_either(tmp_path: Path, leaky: Path) -> None:
    """In a process of its own: here pytest hears the log, and there standard error does."""
    keep(tmp_path, Assignment(agent="a", revision="1", polled=[polled("crash", CANARY)]))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(leaky), os.getcwd()])}
    command = [sys.executable, "-m", "agent.cli", "poll", "1001/crash", "--home", str(tmp_path)]
    ran = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert "has a defect" in ran.stderr
    assert not leaks(ran.stdout + ran.stderr, CANARY)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_poll_by_hand_shows_no_password(
    how: str, form: list[str], tmp_path: Path, leaky: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    keep(home, Assignment(agent="a", revision="1", polled=[polled(how, CANARY)]))
    with pytest.raises(SystemExit):
        main(["poll", f"1001/{how}", "--home", str(home), *form])
    said = capsys.readouterr()
    assert said.out
    assert not leaks(said.out + said.err, CANARY)


def test_the_file_that_tells_of_a_defect_hides_what_was_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(f"while sending {CANARY}")

    monkeypatch.setattr("agent.link.enroll.enroll", broken)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{CANARY}\n"))
    with pytest.raises(SystemExit) as ended:
        main(["enroll", "https://127.0.0.1:1", "-", "--home", str(tmp_path)])
    assert ended.value.code == Exit.DEFECT
    written = Path(capsys.readouterr().err.split()[-1])
    text = written.read_text(encoding="utf-8")
    written.unlink()
    assert "ZeroDivisionError: while sending" in text
    assert not leaks(text, CANARY)


def test_an_exception_a_library_logs_hides_them_too(tmp_path: Path) -> None:
    secrets = Secrets()
    secrets.learn(CANARY)
    with logging_to(tmp_path, secrets):
        try:
            raise OSError(CANARY)
        except OSError:
            logging.getLogger("of.somebody").exception("with %r", {"password": CANARY})
            shown = traceback.format_exc()
    line = json.loads((tmp_path / "log" / "agent.jsonl").read_text(encoding="utf-8"))
    assert leaks(shown, CANARY), "the test would prove nothing"
    assert "OSError" in line["trace"]
    assert not any(leaks(text, CANARY) for text in line.values())


def test_a_token_that_is_over_is_forgotten_and_the_others_are_not() -> None:
    secrets = Secrets()
    secrets.learn("bfa_first-token", CANARY)
    secrets.forget("bfa_first-token")
    assert secrets.hide("bfa_first-token") == "bfa_first-token"
    assert not leaks(secrets.hide(f"it said {CANARY}"), CANARY)
