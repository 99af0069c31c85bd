"""Reading an inventory: one TOML file, or a folder with a file a branch. Every problem is told, all at once."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from agent.inventory.check import check
from agent.inventory.draft import Draft, Source, read_source
from agent.inventory.polling import check_polling
from agent.inventory.problems import InventoryError, Problem
from agent.inventory.schema import Inventory
from agent.inventory.sentences import problems_of

__all__ = ["InventoryError", "Problem", "read_inventory", "read_sources"]


def read_inventory(path: Path) -> Inventory:
    """The inventory at `path`: a file, or the *.toml files of a folder. InventoryError has every problem."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.glob("*.toml") if not file.name.startswith("."))
        if not files:
            raise InventoryError([Problem(str(path), None, "", "holds no .toml file")])
    return read_sources([read_source(file, str(file)) for file in files])


def read_sources(sources: Iterable[Source | Problem]) -> Inventory:
    """The inventory that these files are together."""
    problems: list[Problem] = []
    read: list[Source] = []
    for source in sources:
        found = [source] if isinstance(source, Problem) else list(source.parse())
        problems += found
        if isinstance(source, Source) and not found:
            read.append(source)
    whole = not problems  # while a file is missing, what it would have held cannot be missed
    draft = Draft()
    for source in read:
        problems += draft.take(source)
    if not draft.has_bank() and whole:
        problems.append(Problem(read[0].name, None, "bank", "is missing; one file says [bank] with its name"))
    inventory: Inventory | None = None
    try:
        inventory = Inventory.model_validate({"bank": {"name": "-"}} | draft.data)
    except ValidationError as error:
        problems += problems_of(error, draft, Inventory, draft.data)
    problems += draft.impossible_values()
    problems += _between(draft, whole=whole)
    if problems or inventory is None:
        raise InventoryError(_in_order(problems))
    return inventory


def _in_order(problems: list[Problem]) -> list[Problem]:
    """As they stand in the files, and of several about one value the last: it knows most."""
    by_place = {(problem.file, problem.line, problem.path): problem for problem in problems}
    return sorted(by_place.values(), key=lambda problem: (problem.file, problem.line or 0))


def _between(draft: Draft, *, whole: bool) -> Iterator[Problem]:
    if whole:
        yield from check(draft)
    yield from check_polling(draft)
