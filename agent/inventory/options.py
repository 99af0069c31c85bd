"""Options of a driver as a model of pydantic, which says of all that is wrong what and where."""

from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from drivers.options import Check

_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")


@cache
def model_of(options: type[Any]) -> type[BaseModel]:
    """The model of a driver's options; those of a third party may be one already."""
    if issubclass(options, BaseModel):
        return options
    fields: dict[str, Any] = {
        one.name: (_type(one.type), ... if one.required else _default(one)) for one in msgspec.structs.fields(options)
    }
    model: type[BaseModel] = create_model(
        options.__name__,
        __config__=ConfigDict(extra="forbid", frozen=True),
        __validators__={"goes_together": model_validator(mode="after")(_goes_together(options))},  # type: ignore[dict-item]
        **fields,
    )
    return model


def _goes_together(options: type[Any]) -> Callable[[BaseModel], BaseModel]:
    def check(model: BaseModel) -> BaseModel:
        options(**{name: getattr(model, name) for name in model.model_fields_set})
        return model

    return check


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return Field(default_factory=field.default_factory) if callable(field.default_factory) else field.default


def _type(annotation: Any) -> Any:
    """The same for pydantic: bounds as its fields, and options within options as models."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        said = [found for one in inner[1:] if (found := _metadata(one)) is not None]
        return Annotated[(_type(inner[0]), *said)] if said else _type(inner[0])
    if origin in (Union, UnionType):
        return Union[tuple(map(_type, inner))]  # noqa: UP007
    if origin in (list, tuple, dict):
        return origin[tuple(map(_type, inner))]
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return model_of(annotation)
    return annotation


def _metadata(said: Any) -> Any:
    if isinstance(said, Check):
        return AfterValidator(lambda value: (said.call(value), value)[1])
    bounds = {name: bound for name in _BOUNDS if (bound := getattr(said, name, None)) is not None}
    return Field(**bounds) if bounds else None
