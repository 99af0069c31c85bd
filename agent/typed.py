"""Options typed on a command line, "KEY=VALUE": as an inventory says them, and secrets by name."""

import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pydantic

from agent.inventory.options import model_of
from agent.inventory.problems import shown
from agent.secrets import of_this_run
from agent.texts import _
from drivers.base import Driver, DriverOptions

SECRET = "secret:"  # noqa: S105  (what a reference to one begins with)
_PART = re.compile(r'(?:[^,"\[]|"(?:[^"\\]|\\.)*"|\[[^\]]*\]|["\[])+')


class Bad(ValueError):
    """What was typed cannot be done: one sentence."""


class Options(NamedTuple):
    """A driver's options, and how an inventory writes them: without a secret in plain, and without what is usual."""

    asked_with: DriverOptions
    written: dict[str, Any]


def parted(text: str) -> list[str]:
    """'snmp,ports=["1","2"]' in its parts, at the commas that stand neither in quotes nor in brackets."""
    return _PART.findall(text)


def pairs(said: Iterable[str]) -> dict[str, str]:
    """ "paper=out" -> {"paper": "out"}."""
    found = {}
    for one in said:
        key, equals, value = one.partition("=")
        if not equals or not key.strip():
            raise Bad(_("{text} is not KEY=VALUE.").format(text=shown(one)))
        found[key.strip()] = value.strip()
    return found


def value_of(text: str) -> Any:
    """3, true, ["1", "2"], "text", and any other text without its quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def options_of(
    name: str, driver: type[Driver], said: dict[str, str], secret_of: Callable[[str], str], taken: set[str]
) -> Options:
    """The options of the driver called `name`. Secrets are asked for by `secret_of`; one that was typed in plain gets
    a name that is not `taken` yet. Bad, never with a value, if they do not fit."""
    values = {key: value_of(text) for key, text in said.items()}
    by_name = {key: value for key, value in values.items() if isinstance(value, str) and value.startswith(SECRET)}
    fields = driver.Options.model_fields
    unshown = {key for key, field in fields.items() if field.repr is False}
    plain = {key for key in said.keys() & unshown - by_name.keys() if said[key] != fields[key].get_default()}
    of_this_run().learn(*(said[key] for key in plain))
    filled = {**values, **{key: secret_of(value.removeprefix(SECRET)) for key, value in by_name.items()}}
    try:
        options = _validated(driver, filled, said)
    except pydantic.ValidationError as error:
        raise Bad(_sentence(name, error)) from None
    written = {}
    for key in said:
        value = getattr(options, key)
        if key in by_name:
            written[key] = by_name[key]
        elif value == fields[key].get_default():
            continue
        elif key in unshown:  # what options do not show is secret
            written[key] = f"{SECRET}{_secret_name(name, key, taken)}"
        else:
            written[key] = value
    return Options(options, written)


def _validated(driver: type[Driver], values: dict[str, Any], said: dict[str, str]) -> DriverOptions:
    """The options; where a number was typed and a text is wanted (version=3), the text that was typed."""
    model = model_of(driver.Options)
    try:
        model.model_validate(values)
    except pydantic.ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors() if one["loc"]} & said.keys()
        values = {**values, **{key: said[key] for key in wrong if not isinstance(values[key], str)}}
        model.model_validate(values)
    return driver.Options.model_validate(values)


def _secret_name(driver: str, key: str, taken: set[str]) -> str:
    base = f"{driver}-{key}".replace("/", "-").replace("_", "-").lower()
    name = next(name for name in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)
    taken.add(name)
    return name


def _sentence(name: str, error: pydantic.ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    at = ".".join(map(str, first["loc"]))
    what = _("The driver {driver} does not take {option}: {why}.")
    return what.format(driver=name, option=at or "this", why=first["msg"].removeprefix("Value error, ").rstrip("."))
