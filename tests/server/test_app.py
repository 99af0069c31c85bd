"""The application as a whole: its description, its manners, and how it says no."""

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.journal.names import DEEDS
from server.schemas.people import Role
from server.texts import gettext_for, language_of

SERVER = Path(__file__).parents[2] / "server"
SignInAs = Callable[..., TestClient]
OPEN = {  # to whoever is not yet anybody
    ("/api/sign-in", "post"),
    ("/api/authority", "get"),
    *((f"/api/agent/{word}", "post") for word in ("introduction", "enrollment", "challenge", "token", "rotation")),
}


def operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    paths = app.openapi()["paths"]
    return [(path, method, operation) for path, item in paths.items() for method, operation in item.items()]


def test_every_operation_is_described(app: FastAPI) -> None:
    seen: set[str] = set()
    for path, method, operation in operations(app):
        where = f"{method} {path}"
        assert path.startswith("/api/"), where
        assert operation["summary"], where
        assert operation["tags"], where
        assert operation["operationId"] not in seen, where
        seen.add(operation["operationId"])
        if (path, method) not in OPEN:
            assert operation["security"], where
        for status in ("401", "403", "404", "409", "413", "415", "422", "503"):
            content = operation["responses"][status]["content"]["application/json"]
            assert content["schema"]["$ref"].endswith("/Problem"), where
        answers = [code for code in operation["responses"] if code.startswith("2")]
        assert len(answers) == 1, where


def test_every_reference_of_the_description_leads_somewhere(app: FastAPI) -> None:
    described = app.openapi()
    names = set(re.findall(r"'#/components/schemas/([^']+)'", str(described)))
    assert names <= set(described["components"]["schemas"])
    assert {"WireBatch", "WireAck", "WireAssignment"} <= names


def test_the_description_is_served(client: TestClient) -> None:
    assert client.get("/api/openapi.json").json()["info"]["title"] == "Branchfleet"
    assert client.get("/docs").status_code == 404


@pytest.mark.parametrize("path", ["/api/me", "/api/nothing", "/api/openapi.json"])
def test_every_answer_says_it_is_data(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]


def test_nothing_is_told_to_those_who_are_not_signed_in(app: FastAPI, client: TestClient) -> None:
    for path, method, _ in operations(app):
        if (path, method) not in OPEN:
            answer = client.request(method, re.sub(r"\{\w+\}", "x", path))
            assert answer.status_code == 401, (method, path, answer.text)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/nothing", 404), ("GET", "/", 404), ("PUT", "/api/me", 405)]
)
def test_what_there_is_not_is_a_problem_too(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"detail"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"login": 1, "password": "x"}', b'{"login": "a", "password": "b", "c": 1}']
)
def test_a_body_that_is_none_is_one_sentence(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/sign-in", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json()) == {"detail"}
    assert "\n" not in answer.json()["detail"]


def test_a_body_of_unknown_length_is_cut_off_too(client: TestClient) -> None:
    def endless() -> Any:
        for _ in range(2000):
            yield b"x" * 1024

    answer = client.post("/api/sign-in", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json() == {"detail": "What was sent is too large."}


WRONG = [
    ("/api/positions?limit=x", "query.limit：应为整数。", "query.limit: must be a whole number."),
    ("/api/positions?limit=501", "query.limit：最大为 500。", "query.limit: must be 500 at most."),
    ("/api/positions?standing=fine", "query.standing.0：可以是：", "query.standing.0: must be one of: good, "),
    (
        "/api/coverage?from=yesterday",
        "query.from：应为日期，如 2026-11-30。",
        "query.from: must be a day like 2026-11-30.",
    ),
    (f"/api/positions?q={'x' * 201}", "query.q：超过 200 个字符。", "query.q: is longer than 200 characters."),
]


@pytest.mark.parametrize(("path", "chinese", "english"), WRONG, ids=[path[:30] for path, _, _ in WRONG])
def test_what_cannot_be_asked_is_said_in_the_language_asked_for(
    sign_in: SignInAs, path: str, chinese: str, english: str
) -> None:
    for lang, said in (("zh", chinese), ("en", english)):
        answer = sign_in(lang=lang).get(path)
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(said)


BODIES = [
    (b"{", "body：不是 JSON。"),
    (b"[]", "body：应为带字段的对象。"),
    (b"{}", "login：缺少此项。"),
    (b'{"login": 1, "password": "geheim"}', "login：应为文字。"),
    (b'{"login": "li", "password": "' + b"geheim" * 40 + b'"}', "password：超过 200 个字符。"),
]


@pytest.mark.parametrize(("body", "said"), BODIES, ids=[body[:20].decode() for body, _ in BODIES])
def test_a_body_that_cannot_be_is_said_in_chinese_and_never_repeated(
    client: TestClient, body: bytes, said: str
) -> None:
    answer = client.post(
        "/api/sign-in", content=body, headers={"Content-Type": "application/json", "Accept-Language": "zh"}
    )
    assert (answer.status_code, answer.json()["detail"]) == (422, said)


def test_the_status_counts_what_is_in_scope(sign_in: SignInAs) -> None:
    whole = sign_in().get("/api/status").json()
    assert (whole["bank"], whole["branches"], whole["positions"], whole["agents"]) == ("青禾农商银行", 4, 4, 2)
    mine = sign_in(Role.BRANCH, ["1001"]).get("/api/status").json()
    assert (mine["branches"], mine["positions"], mine["agents"]) == (2, 3, 1)


def test_the_catalogue_is_in_the_language_asked_for(sign_in: SignInAs) -> None:
    english = sign_in().get("/api/catalogue").json()
    chinese = sign_in(lang="zh").get("/api/catalogue").json()
    assert english["words"]["paper"]["out"] == {"level": "fault", "title": "out"}
    assert chinese["words"]["paper"]["out"] == {"level": "fault", "title": "缺纸"}
    assert chinese["numbers"]["load"] == ["负载", "%"]
    assert chinese["classes"] == {"atm": "自动柜员机", "printer": "存折打印机"}


def test_a_branch_sees_itself_and_what_is_below(sign_in: SignInAs) -> None:
    assert sign_in(Role.BRANCH, ["1001"]).get("/api/me").json()["branches"] == ["1001"]
    assert [agent["key"] for agent in sign_in(Role.BRANCH, ["1001"]).get("/api/agents").json()] == ["1001-pc"]
    assert [agent["key"] for agent in sign_in(Role.AUDITOR).get("/api/agents").json()] == ["1001-pc", "centre"]


@pytest.mark.parametrize(
    ("accept", "lang"),
    [(None, "zh"), ("", "zh"), ("zh-CN", "zh"), ("en", "en"), ("en-GB,zh;q=0.5", "en"), ("fr", "zh"), ("*", "zh")],
)
def test_chinese_is_spoken_unless_english_is_asked_for(accept: str | None, lang: str) -> None:
    assert language_of(accept) == lang


def parsed() -> list[ast.AST]:
    return [node for path in SERVER.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


@cache
def sentences() -> set[str]:
    """What is handed in the server's code to `_`, and to whatever is a `Told`, or stands for one (`wrong`)."""
    bases = {node.name: set(map(ast.unparse, node.bases)) for node in parsed() if isinstance(node, ast.ClassDef)}
    told = {"Told"}
    while more := {name for name, of in bases.items() if of & told} - told:
        told |= more
    found: set[str] = set()
    for node in parsed():
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in told | {"_", "wrong"}:
                found |= {
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return {sentence for sentence in found if " " in sentence}  # KeptOut is given a word beside it


def test_every_refusal_is_said_in_chinese_too() -> None:
    chinese = gettext_for("zh")
    assert len(sentences()) > 200
    assert {sentence for sentence in sentences() if chinese(sentence) == sentence} == set()


def test_chinese_sentences_have_the_same_blanks() -> None:
    chinese = gettext_for("zh")
    for sentence in sentences():
        assert set(re.findall(r"\{\w+", sentence)) == set(re.findall(r"\{\w+", chinese(sentence))), sentence


def test_the_compiled_texts_are_those_of_the_po_files() -> None:
    from babel.messages.mofile import read_mo
    from babel.messages.pofile import read_po

    folder = SERVER / "locale" / "zh" / "LC_MESSAGES"
    with (folder / "server.po").open("rb") as po, (folder / "server.mo").open("rb") as mo:
        written = {message.id: message.string for message in read_po(po) if message.id and message.string}
        compiled = {message.id: message.string for message in read_mo(mo) if message.id}
    assert compiled == written, "run `make texts`"


def test_every_deed_that_is_written_has_a_name() -> None:
    written: set[str] = set()
    for path in SERVER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "deed":
                for value in ast.walk(node.value):
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        written.add(value.value)
    assert written - set(DEEDS) == set(), "name it in server/journal/names.py"


def test_every_deed_and_setting_is_documented() -> None:
    from server.settings import Settings

    docs = SERVER.parent / "docs"
    journal = (docs / "journal.md").read_text(encoding="utf-8")
    assert [deed for deed, (zh, _) in DEEDS.items() if f"| `{deed}` | {zh} |" not in journal] == []
    settings = (docs / "settings.md").read_text(encoding="utf-8")
    assert [key for key in Settings.model_fields if f"| `{key}` | `BRANCHFLEET_{key.upper()}` |" not in settings] == []


def test_a_page_is_packed_for_whoever_can_unpack_it(sign_in: SignInAs, bank: dict[str, int]) -> None:
    head = sign_in(Role.HEAD)
    answers = {how: head.get("/api/positions", headers={"Accept-Encoding": how}) for how in ("gzip", "identity")}
    assert answers["gzip"].headers["content-encoding"] == "gzip"
    assert "content-encoding" not in answers["identity"].headers
    assert int(answers["gzip"].headers["content-length"]) < int(answers["identity"].headers["content-length"]) / 2
    assert answers["gzip"].json()["rows"] == answers["identity"].json()["rows"]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_file_says_its_length_before_it_comes(sign_in: SignInAs, bank: dict[str, int], format: str) -> None:
    answer = sign_in(Role.HEAD).get(f"/api/ledger/export?format={format}", headers={"Accept-Encoding": "gzip"})
    assert int(answer.headers["content-length"]) == len(answer.content)
