"""The docs are read by these tests: every command, driver, setting, deed and link there is, is documented."""

import importlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from drivers.registry import BUILT_IN

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
COMMANDS = {"branchfleet": "tui.cli", "branchfleet-server": "server.cli", "branchfleet-agent": "agent.cli"}


def test_the_command_reference_is_what_the_commands_say() -> None:
    """`make docs` writes it anew."""
    page = DOCS / "commands.md"
    parts = ["# Commands\n\nMade from the commands' own help by `make docs`; a test holds it to them.\n"]
    for name, module in COMMANDS.items():
        command = typer.main.get_command(importlib.import_module(module).app)
        parts += _reference(name, command)
    said = "\n".join(parts)
    if os.environ.get("BRANCHFLEET_WRITE_DOCS"):
        page.write_text(said, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == said


def _reference(name: str, command: Any) -> list[str]:
    """`command` is Typer's own kind of click command."""
    lines = [f"## {name}\n", *(f"{text}\n" for text in (_clean(command.help), command.epilog) if text)]
    rows = [row for parameter in command.params if (row := _parameter(parameter))]
    if rows:
        lines += ["| | |", "|---|---|", *rows, ""]
    for inner, below in sorted(_below(command).items()):
        lines += _reference(f"{name} {inner}", below)
    return lines


def _below(command: Any) -> dict[str, Any]:
    return dict(getattr(command, "commands", {}))


def _clean(text: str | None) -> str:
    return re.sub(r"[ \t]+\n", "\n", (text or "").strip())


def _parameter(parameter: Any) -> str | None:
    if parameter.param_type_name == "argument":
        return f"| `{(parameter.name or '').upper()}` | {_clean(parameter.help)} |"
    if "--help" in parameter.opts:
        return None
    return f"| `{'`, `'.join([*parameter.opts, *parameter.secondary_opts])}` | {_clean(parameter.help)} |"


@pytest.mark.parametrize("module", COMMANDS.values())
def test_every_command_has_a_help_with_an_example(module: str) -> None:
    def leaves(command: Any) -> list[Any]:
        below = [leaf for inner in _below(command).values() for leaf in leaves(inner)]
        return below or [command]

    command = typer.main.get_command(importlib.import_module(module).app)
    lacking = [
        leaf.name for leaf in leaves(command) if not re.search(r"Example: .*branchfleet", f"{leaf.help} {leaf.epilog}")
    ]
    assert lacking == []


DEVICES = DOCS / "devices.md"
TABLES = {
    "where it is asked": ["driver", "reads", "address", "page"],
    "how far it was tried": ["driver", "tried on"],
    "what it reads and where it ends": ["driver", "what is read", "models", "limits", "on a real device"],
}


@pytest.mark.parametrize("about", TABLES)
@pytest.mark.parametrize("driver", BUILT_IN)
def test_of_every_driver_the_devices_page_says_all(driver: str, about: str) -> None:
    """A row in each of its tables, with every cell filled in."""
    rows = _table(DEVICES.read_text(encoding="utf-8"), TABLES[about])
    assert f"`{driver}`" in rows, f"docs/devices.md, the table with {TABLES[about][1:]}"
    assert all(len(cell) > 3 for cell in rows[f"`{driver}`"])


@pytest.mark.parametrize("driver", BUILT_IN)
def test_every_driver_has_a_page_that_shows_a_position_of_it(driver: str) -> None:
    cells = _table(DEVICES.read_text(encoding="utf-8"), TABLES["where it is asked"])[f"`{driver}`"]
    link = re.search(r"\]\(([^)#]+)", cells[-1])
    assert link is not None
    assert f'driver = "{driver}"' in (DOCS / link[1]).read_text(encoding="utf-8")


def _table(page: str, heads: list[str]) -> dict[str, list[str]]:
    """The rows of the table with these heads, by their first cell."""
    _, found, below = page.partition(f"| {' | '.join(heads)} |\n")
    assert found, heads
    lines = below.split("\n\n", 1)[0].splitlines()[1:]
    rows = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines]
    assert all(len(row) == len(heads) for row in rows), rows
    return {row[0].strip("| "): row[1:] for row in rows}


@pytest.mark.parametrize("code", ["agent.exit", "server.exit", "tui.exit"])
def test_every_exit_code_is_documented_with_its_sentence(code: str) -> None:
    page = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    for member in importlib.import_module(code).Exit:
        assert f"| {member.value} |" in page


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *DOCS.rglob("*.md")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?:)([^)#]+)", prose)
    dead = [link for link in links if not (page.parent / link).exists()]
    assert dead == []


def test_every_news_fragment_is_one_short_text() -> None:
    fragments = list((ROOT / "news").glob("*.md"))
    assert fragments
    for fragment in fragments:
        text = fragment.read_text(encoding="utf-8").strip()
        assert 20 < len(text) < 1000, fragment.name
