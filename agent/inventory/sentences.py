"""What pydantic found wrong, as sentences for the person who wrote it. Templates; `{value}` is what was written."""

from collections.abc import Callable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.inventory.draft import Draft, unknown_key
from agent.inventory.lines import Path
from agent.inventory.problems import Problem, nearest, shown
from agent.inventory.schema import Inventory

_SENTENCES = {
    "missing": "is missing",
    "string_type": "{value} must be text in quotes",
    "int_type": "{value} must be a whole number, without quotes",
    "int_parsing": "{value} must be a whole number, without quotes",
    "int_from_float": "{value} must be a whole number, without quotes",
    "float_type": "{value} must be a number, without quotes",
    "float_parsing": "{value} must be a number, without quotes",
    "finite_number": "{value} is not a number anything can be compared with",
    "bool_type": "{value} must be true or false, without quotes",
    "bool_parsing": "{value} must be true or false, without quotes",
    "list_type": "{value} must be a list: [ ... ]",
    "tuple_type": "{value} must be a list: [ ... ]",
    "dict_type": "{value} must be a table",
    "model_type": "{value} must be a table",
    "string_too_short": "{value} must be at least {min_length} characters",
    "string_too_long": "{value} is longer than {max_length} characters",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "greater_than": "{value} must be greater than {gt}",
    "greater_than_equal": "{value} must be {ge} or more",
    "less_than": "{value} must be less than {lt}",
    "less_than_equal": "{value} must be {le} or less",
    "string_pattern_mismatch": "{value} is not written as it must be: {pattern}",
}


def problems_of(
    error: ValidationError,
    draft: Draft,
    model: type[BaseModel],
    data: Any,
    at: Path = (),
    but: Callable[[ErrorDetails], bool] = lambda _: False,
) -> Iterator[Problem]:
    """A problem for each thing wrong with `data`, which stands at `at` in the draft; `but` says what is no problem."""
    found = {_real(detail, data): detail for detail in reversed(error.errors()) if not but(detail)}
    deeper = {path[:length] for path in found for length in range(len(path)) if length}
    for path, detail in reversed(found.items()):
        if path in deeper:  # of a union's complaints the one that looked closest is the one to mend
            continue
        template, values = _sentence(detail, path, model)
        yield draft.problem((*at, *path), template, value=shown(detail["input"]), **values)


def _real(detail: ErrorDetails, data: Any) -> Path:
    """Where the wrong thing is, without the names pydantic puts in for members of unions and keys of dicts."""
    path: list[int | str] = []
    for step in detail["loc"]:
        if _holds(data, step):
            data = data[step]
        elif detail["type"] != "missing" or not isinstance(data, dict):
            continue
        path.append(step)
    return tuple(path)


def _holds(data: Any, step: int | str) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _sentence(detail: ErrorDetails, path: Path, model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(str(path[-1]), _keys(model, path[:-1]))
    if kind == "value_error":
        template = str(context["error"])
        # the schema's own sentences are templates; what a driver says is said as it is
        return (template, {}) if model is Inventory else ("{message}", {"message": template})
    if kind in ("literal_error", "enum"):
        return _choice(str(detail["input"]), str(context["expected"]))
    if kind == "string_too_short" and context.get("min_length") == 1:
        return "is empty", {}
    if kind in _SENTENCES:
        return _SENTENCES[kind], {key: str(value) for key, value in context.items() if key != "value"}
    return "{message}", {"message": detail["msg"]}


def _choice(written: str, expected: str) -> tuple[str, dict[str, str]]:
    """`expected` is pydantic's "'main' or 'backup'"."""
    choices = expected.split("'")[1::2] or [expected]
    values = {"choices": ", ".join(f'"{choice}"' for choice in choices)}
    if near := nearest(written, choices):
        return "{value} is not one of {choices}; did you mean {near}?", {**values, "near": shown(near)}
    return "{value} is not one of {choices}", values


def _keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys a table may have, walking down from `model`."""
    for step in path:
        if isinstance(step, int):
            continue
        field = next((field for name, field in model.model_fields.items() if step in (name, field.alias)), None)
        inner = next(_models(field.annotation), None) if field else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
