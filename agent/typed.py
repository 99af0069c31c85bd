"""Options typed on a command line, "KEY=VALUE": as an inventory says them, and secrets by name."""

import tomllib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pydantic

from agent.tidy import tidy_text
from drivers.base import Driver, DriverOptions

SECRET = "secret:"  # noqa: S105  (what a reference to one begins with)


class Bad(ValueError):
    """What was typed cannot be done: one sentence."""


class Options(NamedTuple):
    """A driver's options, and how an inventory writes them: without a secret in plain, and without what is usual."""

    asked_with: DriverOptions
    written: dict[str, Any]


def pairs(said: Iterable[str]) -> dict[str, str]:
    """ "paper=out" -> {"paper": "out"}."""
    found = {}
    for one in said:
        key, equals, value = one.partition("=")
        if not equals or not key.strip():
            raise Bad(f"{tidy_text(one, 80)!r} is not KEY=VALUE.")
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
    secret = {key for key, field in driver.Options.model_fields.items() if field.repr is False}
    values = {key: value_of(text) for key, text in said.items()}
    filled = {
        key: secret_of(value.removeprefix(SECRET)) if isinstance(value, str) and value.startswith(SECRET) else value
        for key, value in values.items()
    }
    try:
        options = driver.Options.model_validate(filled)
    except pydantic.ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
        texts = {key: said[key] for key in wrong & said.keys() if not isinstance(filled[key], str)}
        if not texts:
            raise Bad(_sentence(name, error)) from None
        return options_of(
            name, driver, {**said, **{key: _quoted(text) for key, text in texts.items()}}, secret_of, number
        )
    written = {key: values[key] for key in options.model_fields_set if getattr(options, key) != _usual(driver, key)}
    for key in secret & written.keys():
        if not str(written[key]).startswith(SECRET):
            written[key] = f"{SECRET}{_secret_name(name, key, taken)}"
    return Options(options, {key: written[key] for key in said if key in written})


def _secret_name(driver: str, key: str, taken: set[str]) -> str:
    base = f"{driver}-{key}".replace("/", "-").replace("_", "-").lower()
    name = next(name for name in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)
    taken.add(name)
    return name


def _usual(driver: type[Driver], key: str) -> Any:
    return driver.Options.model_fields[key].get_default()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _sentence(name: str, error: pydantic.ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    at = ".".join(map(str, first["loc"]))
    return f"The driver {name} does not take this{f' {at}' if at else ''}: {first['msg']}."
