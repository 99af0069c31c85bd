"""What the three commands say of their own words, in Chinese unless English is asked for."""

import ast
import errno
import gettext
import importlib
import inspect
import os
import re
import string
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from typer.main import get_command

from agent import helptext
from agent.cells import broken, cells
from agent.texts import gettext_for

PROGRAMS = {"branchfleet": "tui.cli", "branchfleet-server": "server.cli", "branchfleet-agent": "agent.main"}
APPS = {name: module.replace("main", "cli") for name, module in PROGRAMS.items()}
ROOT = Path(__file__).parent.parent
CATALOGUE = Path(str(files("agent"))) / "locale/zh/LC_MESSAGES/agent.mo"
HAN = re.compile(r"[\u4e00-\u9fff]")
Said = tuple[int, str, str]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Said]:
    """`say("branchfleet", "devices", "--help")`: the exit code, and what was said on the two streams."""
    for name in ("BRANCHFLEET_CONFIG", "BRANCHFLEET_HOME", "BRANCHFLEET_AGENT_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("COLUMNS", "80")

    def run(program: str, *words: str, lang: str = "") -> Said:
        monkeypatch.delenv("BRANCHFLEET_LANG", raising=False)
        if lang:
            monkeypatch.setenv("BRANCHFLEET_LANG", lang)
        monkeypatch.setattr("sys.argv", [program, *words])
        with pytest.raises(SystemExit) as ended:
            importlib.import_module(PROGRAMS[program]).main(list(words))
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def commands(command: Any, *path: str) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", {}).items()
    return [path, *(one for name, inner in below for one in commands(inner, *path, name))]


def tree(program: str) -> Any:
    return get_command(importlib.import_module(APPS[program]).app)


EVERY = [(program, path) for program in PROGRAMS for path in commands(tree(program))]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_text_of_the_help_is_there_in_chinese(program: str) -> None:
    _ = gettext_for("zh")
    assert [text for text in helptext.texts(tree(program)) if not HAN.search(_(text))] == []


@pytest.mark.parametrize(("program", "path"), EVERY, ids=lambda one: one if isinstance(one, str) else " ".join(one))
def test_help_is_chinese_around_its_texts_too_and_fits_the_terminal(
    say: Any, program: str, path: tuple[str, ...]
) -> None:
    code, out, err = say(program, *path, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"用法：{' '.join((program, *path))}")
    assert "显示这份帮助。" in out
    for word in (
        "Usage",
        "OPTIONS",
        "ARGS",
        "Options",
        "Arguments",
        "Commands",
        "default",
        "required",
        "Example",
        "Show",
    ):
        assert word not in out
    assert [line for line in out.splitlines() if cells(line) > 80 and len(line.split()) > 1] == []


WRONG = [
    ("branchfleet devices", ["devices", "--braanch", "1"], "没有 --braanch 这个选项，是不是 --branch？"),
    ("branchfleet devices", ["devices", "--zzz"], "没有 --zzz 这个选项。"),
    ("branchfleet devices", ["devices", "--\x1b[1m"], "没有 --\\u001b[1m 这个选项。"),
    ("branchfleet", ["devces"], "没有 devces 这个命令，是不是 devices？"),
    ("branchfleet", ["zzz"], "没有 zzz 这个命令。"),
    ("branchfleet ledger", ["ledger"], "没有写要做什么（缺少命令）。"),
    ("branchfleet web", ["web", "--port"], "--port 后面要写一个值。"),
    ("branchfleet web", ["web", "--port", "x"], '--port 不能是 "x"：应为整数。'),
    ("branchfleet web", ["web", "--port", "0"], '--port 不能是 "0"：最小为 1。'),
    ("branchfleet web", ["web", "--port", "99999"], '--port 不能是 "99999"：最大为 65535。'),
    ("branchfleet demo", ["demo", "--seconds", "\x1b[1m"], '--seconds 不能是 "\\u001b[1m"：应为数字。'),
    ("branchfleet-server agent code", ["agent", "code"], "缺少 BRANCH：电脑所在的机构号。"),
    (
        "branchfleet-server person add",
        ["person", "add", "w", "--role", "x", "--name", "li"],
        '--role 不能是 "x"：可以是 branch, head, auditor。',
    ),
    ("branchfleet coverage", ["coverage", "--from", "x"], '--from 不能是 "x"：应为日期，如 2026-11-30。'),
    ("branchfleet coverage", ["coverage", "--to", "2026-02-30"], '--to 不能是 "2026-02-30"：应为日期，如 2026-11-30。'),
    ("branchfleet-agent poll", ["poll", "a", "b", "c"], "多写了：b c。"),
    ("branchfleet-agent poll", ["poll", "a", "--json=1"], "--json 后面不能写值。"),
]


@pytest.mark.parametrize(("command", "words", "sentence"), WRONG, ids=[" ".join(words) for _, words, _ in WRONG])
def test_a_wrong_command_line_is_one_sentence_and_code_2(
    say: Any, command: str, words: list[str], sentence: str
) -> None:
    """`sentence`, and where to read more; `words` are what stands behind the program's name."""
    program = command.split()[0]
    assert say(program, *words) == (2, "", f"{sentence}帮助：{command} --help\n")
    code, out, err = say(program, *words, lang="en")
    assert (code, out, err.count("\n"), HAN.search(err)) == (2, "", 1, None)
    assert err.endswith(f" Help: {command} --help\n")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("words", [["\udcff\udcfe"], ["--help", "\udcb9"], ["status", "--home", "a\udcb9b"]])
def test_what_is_not_utf_8_is_one_sentence(say: Any, program: str, words: list[str]) -> None:
    """What a terminal in GBK sends: the operating system hands it over, and nothing behind can write it."""
    code, out, err = say(program, *words)
    assert (code, out) == (2, "")
    assert "不是 UTF-8 文字" in err
    assert "\n" not in err.strip()


def test_english_is_had_by_the_word_the_variable_or_the_settings(say: Any, tmp_path: Path) -> None:
    assert say("branchfleet", "devices", "--help", lang="en")[1].startswith("Usage: branchfleet devices")
    assert say("branchfleet", "--lang", "en", "--help")[1].startswith("Usage: branchfleet")
    assert say("branchfleet-agent", "poll", "--lang=en", "--help")[1].startswith("Usage: branchfleet-agent poll")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "console.toml").write_text('lang = "en"')
    (tmp_path / "none" / "server.toml").write_text('lang = "en"')
    assert say("branchfleet", "zzz")[2] == "There is no command zzz. Help: branchfleet --help\n"
    assert say("branchfleet-server", "zzz")[2] == "There is no command zzz. Help: branchfleet-server --help\n"
    assert say("branchfleet", "--lang", "zh", "zzz")[2] == "没有 zzz 这个命令。帮助：branchfleet --help\n"


@pytest.mark.parametrize("encoding", ["latin-1", "cp437"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_terminal_without_chinese_letters_is_spoken_to_in_english(program: str, encoding: str) -> None:
    """What the person typed comes back as a programmer writes it, and is no row of question marks."""
    environ = {**os.environ, "PYTHONIOENCODING": encoding, "BRANCHFLEET_LANG": "zh"}
    words = [sys.executable, "-m", PROGRAMS[program].replace("tui.cli", "tui"), "望禾"]
    said = subprocess.run(words, env=environ, capture_output=True, cwd=ROOT, check=False)
    assert said.returncode == 2
    assert said.stderr.decode("ascii").startswith("There is no command \\u671b\\u79be.")


@pytest.mark.parametrize("more", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}])
def test_the_c_locale_is_taken_for_utf_8(more: dict[str, str], tmp_path: Path) -> None:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    environ = {**plain, **more, "LC_ALL": "C", "BRANCHFLEET_HOME": str(tmp_path / "home")}
    environ.pop("BRANCHFLEET_LANG", None)
    words = [sys.executable, "-m", "server.cli", "init"]
    said = subprocess.run(words, env=environ, capture_output=True, cwd=ROOT, check=False)
    assert said.stderr.decode("utf-8").startswith("服务器目录为")
    assert said.stdout.decode("utf-8").startswith(f"目录        {tmp_path / 'home'}\n登录名      admin\n")


def test_a_program_without_words_shows_its_help(say: Any) -> None:
    code, out, err = say("branchfleet-agent")
    assert (code, out) == (2, "")
    assert err.startswith("用法：branchfleet-agent")


def test_no_line_begins_with_what_ends_a_sentence() -> None:
    text = "采集程序的文件夹；不写则用 BRANCHFLEET_AGENT_HOME，再则用系统的通常位置（见说明）。"
    for width in range(24, 80):
        lines = list(broken(text, width))
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(cells(line) <= width + 2 and line[0] not in "，。；（）" for line in lines if line[0] != "（")


def test_the_catalogue_fills_the_same_blanks_is_compiled_and_holds_nothing_unsaid() -> None:
    with CATALOGUE.open("rb") as file:
        compiled = {key: value for key, value in gettext.GNUTranslations(file)._catalog.items() if key}  # type: ignore[attr-defined]
    with CATALOGUE.with_suffix(".po").open("rb") as file:
        written = {str(message.id): str(message.string) for message in read_po(file) if message.id and message.string}
    assert compiled == written

    def blanks(text: str) -> set[str | None]:
        return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}

    assert [text for text, said in written.items() if blanks(text) != blanks(said)] == []
    typers = {"Options", "Arguments", "Commands", "[OPTIONS]", "COMMAND [ARGS]...", "Show this message and exit."}
    typers |= {"default", "env var", "required"}
    said = {text for program in PROGRAMS for text in helptext.texts(tree(program))} | typers | constants()
    said |= {os.strerror(code) for code in errno.errorcode}
    toml = inspect.getsource(importlib.import_module("tomllib._parser")).replace("\\\\", "\\")
    unsaid = [text for text in written if text not in said and text not in toml]
    assert [text for text in unsaid if not text.startswith(helptext.EXAMPLE)] == []


def constants() -> set[str]:
    """Every text in the code of agents, drivers and consoles."""
    found: set[str] = set()
    for path in (path for package in ("agent", "drivers", "tui") for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_what_the_agents_commands_say_is_there_in_chinese() -> None:
    _ = gettext_for("zh")
    said = set()
    for path in (ROOT / "agent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_" and node.args:
                said |= {
                    str(part.value) for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant) and part.value
                }
    assert len(said) > 50
    assert [text for text in said if not HAN.search(_(text))] == []
