"""Whether the server lives, whether it can work, and its figures: as supervisors and Prometheus read them."""

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from agent.wire import MEDIA_MSGPACK
from server.app import create_app
from server.clock import SetClock
from server.health.follower import Follower
from server.journal.deeds import Act
from server.running import ready
from server.running.access import issue_metrics_token
from server.running.exposition import each, histogram
from server.running.exposition import text as exposed
from server.schemas.people import Role
from server.settings import Settings
from server.state import State
from server.storage.database import Database
from tests.server.free import free_port

DOCS = Path(__file__).parents[3] / "docs"
INSTALL = "apt-get install -y prometheus"


@pytest.fixture(autouse=True)
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is a new one."""
    monkeypatch.setattr(ready, "KEPT", 0.0)


@pytest.fixture
def here(client: TestClient) -> TestClient:
    """Whoever asks from the machine itself."""
    made = TestClient(client.app, client=("127.0.0.1", 5000))
    made.portal = client.portal  # one event loop for all clients of one server
    return made


def state_of(app: FastAPI) -> State:
    state: State = app.state.branchfleet
    return state


def until_ready(client: TestClient) -> None:
    deadline = time.monotonic() + 90
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline, client.get("/readyz").text


def test_a_server_that_works_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"alive": True}
    until_ready(client)
    checks = {
        "database": "ok",
        "writer": "ok",
        "health": "ok",
        "entries": "ok",
        "facts": "ok",
        "media": "ok",
        "orders": "ok",
        "verdicts": "ok",
        "campaigns": "ok",
        "disk": "ok",
        "clock": "ok",
    }
    assert client.get("/readyz").json() == {"ready": True, "checks": checks}


def test_a_server_whose_health_is_dead_silent_or_behind_is_not_ready(
    client: TestClient, app: FastAPI, deliver: Any, machine: Any, now: SetClock
) -> None:
    until_ready(client)
    running = state_of(app).follower
    state_of(app).follower = stumbling = Follower(state_of(app).database, now)
    stumbling._thread, stumbling.failing = running._thread, True
    assert client.get("/readyz").json()["checks"]["health"] == "failing"
    state_of(app).follower = running
    running.stop()
    assert client.get("/readyz").json()["checks"]["health"] == "dead"
    state_of(app).follower = follower = Follower(state_of(app).database, now)
    follower._thread = state_of(app).writer._thread  # alive, and doing nothing
    now.forward(30)
    assert client.get("/readyz").json()["checks"]["health"] == "ok"
    now.forward(31)
    assert client.get("/readyz").json()["checks"]["health"] == "silent"
    follower._thread = None
    follower.step()
    now.forward(11)
    follower.step()
    deliver(machine, machine.state("1001/atm-1"))
    follower._thread = state_of(app).writer._thread
    now.forward(59)
    assert client.get("/readyz").status_code == 200
    with state_of(app).database.write() as session:
        session.connection().execute(text("UPDATE record SET arrived = arrived - 100000000"))
    assert client.get("/readyz").json() == {
        "ready": False,
        "checks": {
            "database": "ok",
            "writer": "ok",
            "health": "behind",
            "entries": "ok",
            "facts": "ok",
            "media": "ok",
            "orders": "ok",
            "verdicts": "ok",
            "campaigns": "ok",
            "disk": "ok",
            "clock": "ok",
        },
    }
    follower._thread = None


def test_a_server_that_makes_nothing_of_entries_is_not_ready(client: TestClient, app: FastAPI) -> None:
    until_ready(client)
    state_of(app).followers["entries"].stop()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["entries"]) == (503, "dead")


def test_a_database_of_another_version_makes_it_not_ready(client: TestClient, database: Database) -> None:
    until_ready(client)
    with database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "of another version")


def test_a_full_or_failing_disk_and_the_end_are_told(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    until_ready(client)
    state_of(app).writer.failing = True
    assert client.get("/readyz").json()["checks"]["writer"] == "failing"
    state_of(app).writer.failing = False
    if database.sqlite:
        monkeypatch.setattr(ready, "ROOM", 1 << 62)
        assert client.get("/readyz").json()["checks"]["disk"] == "full"
    state_of(app).draining = True
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "checks": {"server": "draining"}})
    assert client.get("/healthz").status_code == 200


# -- metrics ----------------------------------------------------------------------------------------


def figures(client: TestClient, **headers: str) -> dict[str, float]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_figures_are_those_of_what_came(
    here: TestClient, machine: Any, agent_token: Callable[[str], str], sign_in: Any
) -> None:
    import msgspec

    headers = {"Authorization": f"Bearer {agent_token('1001-pc')}", "Content-Type": MEDIA_MSGPACK}
    bad = machine.state("1002/atm-1")
    body = msgspec.msgpack.encode(machine.batch(machine.state("1001/atm-1"), bad))
    for content in (body, body, b"\xc1"):
        here.post("/api/agent/records", content=content, headers=headers)
    deadline = time.monotonic() + 90
    while figures(here)['branchfleet_positions{standing="good"}'] != 1:
        assert time.monotonic() < deadline
    told = figures(here)
    assert told['branchfleet_ingest_batches_total{outcome="taken"}'] == 2
    assert told['branchfleet_ingest_batches_total{outcome="refused"}'] == 1
    assert told["branchfleet_ingest_records_total"] == 2
    assert told["branchfleet_ingest_repeated_records_total"] == 2
    assert told["branchfleet_ingest_refused_records_total"] == 1
    assert told["branchfleet_ingest_body_bytes_total"] == 2 * len(body) + 1
    assert told["branchfleet_ingest_commit_seconds_count"] == 2
    assert told['branchfleet_ingest_commit_seconds_bucket{le="+Inf"}'] == 2
    assert told["branchfleet_aside_batches"] == 1
    assert told['branchfleet_positions{standing="never"}'] == 2
    assert told['branchfleet_positions{standing="unpolled"}'] == 1
    assert (told["branchfleet_fresh_positions"], told["branchfleet_polled_positions"]) == (1, 3)
    assert told["branchfleet_health_lag_records"] == 0
    assert told["branchfleet_database_size_bytes"] > 100_000


def test_no_figure_names_a_branch_a_position_or_a_person(here: TestClient, bank: dict[str, int], sign_in: Any) -> None:
    said = here.get("/metrics").text
    words = re.sub(r" \S+$", "", said, flags=re.MULTILINE)  # without the figures: 41002 bytes name no branch
    assert not re.search(r"1001|1002|atm-1|centre|城关|青禾", words)
    assert set(re.findall(r"[{,](\w+)=", said)) == {
        "outcome",
        "le",
        "standing",
        "severity",
        "version",
        "follower",
        "state",
    }


def test_from_elsewhere_only_the_token_for_metrics_opens_them(
    app: FastAPI, database: Database, now: SetClock, sign_in: Any, agent_token: Callable[[str], str]
) -> None:
    there = TestClient(app, client=("10.1.0.9", 5000), headers={"Accept-Language": "en"})
    assert there.get("/metrics").status_code == 401
    head = sign_in(Role.HEAD).headers["Authorization"]
    branch = sign_in(Role.BRANCH, ["1001"]).headers["Authorization"]
    for wrong in (head, branch, f"Bearer {agent_token('centre')}", "Bearer bfm_x", "Bearer ", "Basic eA=="):
        assert there.get("/metrics", headers={"Authorization": wrong}).status_code == 401, wrong
    with database.write() as session:
        first = issue_metrics_token(session, Act("os:tester", "cli", now()))
    assert there.get("/metrics", headers={"Authorization": f"Bearer {first}"}).status_code == 200
    with database.write() as session:
        issue_metrics_token(session, Act("os:tester", "cli", now()))
    assert there.get("/metrics", headers={"Authorization": f"Bearer {first}"}).status_code == 401


@pytest.mark.parametrize(("who", "status"), [("token", 401), ("off", 404), ("loopback", 200)])
def test_the_setting_says_who_reads_them(database: Database, now: SetClock, who: Any, status: int) -> None:
    app = create_app(database, Settings(password_memory=32, metrics=who), now)
    assert TestClient(app, client=("127.0.0.1", 1)).get("/metrics").status_code == status
    assert TestClient(app, client=("::1", 1)).get("/metrics").status_code == status


def test_every_metric_is_documented_and_nothing_else(here: TestClient) -> None:
    told = set(re.findall(r"^# TYPE (\w+)", here.get("/metrics").text, re.MULTILINE))
    told.add("branchfleet_disk_free_bytes")  # of SQLite alone
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \| (?:`\w+`)? ?\|", page, re.MULTILINE)) == told


def test_labels_and_numbers_are_written_as_prometheus_reads_them() -> None:
    said = exposed(
        [each("x", "gauge", "An x.", "of", {'a "b"\\\n': 1}), histogram("h", "An h.", (0.5, 1.0), [1, 0, 2], 7)]
    )
    assert 'x{of="a \\"b\\"\\\\\\n"} 1' in said
    assert 'h_bucket{le="0.5"} 1\nh_bucket{le="1.0"} 1\nh_bucket{le="+Inf"} 3\nh_sum 7\nh_count 3\n' in said


def test_promtool_finds_nothing_to_say(here: TestClient) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(f"promtool is needed: {INSTALL}")
    said = here.get("/metrics").text
    done = subprocess.run([promtool, "check", "metrics"], input=said, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_real_prometheus_scrapes_them_with_its_token(
    database: Database, now: SetClock, bank: dict[str, int], tmp_path: Path, serving: Callable[[FastAPI], str]
) -> None:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip(f"Prometheus is needed: {INSTALL}")
    with database.write() as session:
        (tmp_path / "token").write_text(issue_metrics_token(session, Act("os:tester", "cli", now())))
    url = serving(create_app(database, Settings(password_memory=32, metrics="token"), now))
    target = url.removeprefix("http://")
    config = {
        "scrape_configs": [
            {
                "job_name": "branchfleet",
                "scrape_interval": "1s",
                "authorization": {"credentials_file": str(tmp_path / "token")},
                "static_configs": [{"targets": [target]}],
            }
        ]
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    words = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    words.append(f"--web.listen-address=127.0.0.1:{port}")
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([prometheus, *words], stdout=log, stderr=log) as process,
    ):
        try:
            found = asked(port, 'branchfleet_positions{standing="never"}', tmp_path / "log")
        finally:
            process.terminate()
    assert [(one["metric"]["instance"], one["value"][1]) for one in found] == [(target, "3")]


def asked(port: int, query: str, log: Path) -> list[Any]:
    """What Prometheus answers once it has anything."""
    deadline = time.monotonic() + 120
    url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.request.quote(query)}"  # type: ignore[attr-defined]
    while True:
        try:
            with urllib.request.urlopen(url) as answer:
                found: list[Any] = json.load(answer)["data"]["result"]
            if found:
                return found
        except OSError:
            pass
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
        time.sleep(0.1)
