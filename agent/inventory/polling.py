"""Whether the drivers can work with what the inventory tells them: names, addresses, options.

Asks the drivers themselves, so a third party's driver is checked as well as ours.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from agent.inventory.draft import Draft
from agent.inventory.lines import Path
from agent.inventory.options import model_of
from agent.inventory.problems import Problem, nearest, shown
from agent.inventory.sentences import problems_of
from drivers.base import Driver
from drivers.registry import find, names

LINE_DRIVER = "reach"  # what the probe of a line is asked by
SECRET = "secret:"  # noqa: S105  (what a reference to one begins with)
_SECRET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


_ABOUT_TEXT = ("string_", "literal_error", "enum", "value_error", "url_")


def check_polling(draft: Draft) -> Iterator[Problem]:
    """Every problem a driver sees in its address or options."""
    drivers = _Drivers()
    for index, item in draft.tables("position"):
        path, driver = ("position", index), item.get("driver")
        if isinstance(driver, str):
            yield from _check(draft, drivers, path, driver, item, "driver", "address")
        elif driver is None and item.get("options"):
            yield draft.problem((*path, "options"), "options are of no use without a `driver`")
    for index, item in draft.tables("line"):
        path = ("line", index)
        if item.get("probe"):
            yield from _check(draft, drivers, path, LINE_DRIVER, item, "probe", "probe")
        elif item.get("options"):
            yield draft.problem((*path, "options"), "options are of no use without a `probe`")


class _Drivers:
    """The drivers asked for so far: each is imported once, and one that cannot be is complained about once."""

    def __init__(self) -> None:
        self._found: dict[str, type[Driver] | None] = {}
        self._names = names()

    def find(self, name: str, draft: Draft, path: Path) -> type[Driver] | Problem | None:
        if name in self._found:
            return self._found[name]
        try:
            self._found[name] = find(name)
        except LookupError:
            if near := nearest(name, self._names):
                return draft.problem(
                    path, "there is no driver {value}; did you mean {near}?", value=shown(name), near=shown(near)
                )
            known = ", ".join(self._names)
            return draft.problem(path, "there is no driver {value}; there are: {names}", value=shown(name), names=known)
        except ImportError as error:
            self._found[name] = None
            template = "the driver {value} is broken or not wholly installed: {reason}"
            return draft.problem(path, template, value=shown(name), reason=str(error))
        return self._found[name]


def _check(
    draft: Draft, drivers: _Drivers, path: Path, name: str, item: dict[str, Any], says: str, at: str
) -> Iterator[Problem]:
    found = drivers.find(name, draft, (*path, says))
    if isinstance(found, Problem):
        yield found
        return
    if found is None:
        return
    address, options = item.get(at, ""), item.get("options", {})
    if isinstance(address, str) and (wrong := found.check_address(address)):
        yield draft.problem((*path, at), "{value} {wrong}", value=shown(address), wrong=wrong)
    if isinstance(options, dict):
        yield from _secrets(draft, (*path, "options"), options)
        yield from _options(draft, (*path, "options"), found, options)


def _options(draft: Draft, path: Path, driver: type[Driver], options: dict[str, Any]) -> Iterator[Problem]:
    model = model_of(driver.Options)
    try:
        model.model_validate(options)
    except ValidationError as error:
        yield from problems_of(error, draft, model, options, path, but=_is_secret)


def _is_secret(detail: ErrorDetails) -> bool:
    """What a secret says is not known here: no rule for texts can be held against its name."""
    written = detail["input"]
    return isinstance(written, str) and written.startswith(SECRET) and detail["type"].startswith(_ABOUT_TEXT)


def _secrets(draft: Draft, path: Path, options: Any) -> Iterator[Problem]:
    inner = options.items() if isinstance(options, dict) else enumerate(options) if isinstance(options, list) else ()
    for step, value in inner:
        if isinstance(value, str) and value.startswith(SECRET):
            if not _SECRET_NAME.fullmatch(value.removeprefix(SECRET)):
                template = '{value} names no secret; write it like "secret:snmp-community"'
                yield draft.problem((*path, step), template, value=shown(value))
        else:
            yield from _secrets(draft, (*path, step), value)
