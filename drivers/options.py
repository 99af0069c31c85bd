"""What an inventory may tell a driver. Small: an agent reads options with what it has for the wire, without pydantic.

Of a wrong option an agent says the first; the inventory asks pydantic what is wrong with all of them
(`agent/inventory/options.py`). Names are pydantic's, so that a driver whose options are a model of pydantic fits too.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, dataclass_transform, get_args, get_origin

import msgspec

SECRET = msgspec.Meta(extra={"secret": True})  # Annotated[str, SECRET]: nobody shows it


class Check(NamedTuple):
    """Annotated[str, Check(call)]: `call` raises ValueError for a value that will not do."""

    call: Callable[[Any], object]


class WrongOptions(ValueError):
    """Which option will not do, and why; never what was written there, which may be a password."""


class Field(NamedTuple):
    default: object
    repr: bool  # False: secret

    def get_default(self) -> object:
        return self.default


class _Fields:
    def __get__(self, instance: object, owner: type[msgspec.Struct]) -> Mapping[str, Field]:
        return {
            one.name: Field(
                None if one.required else one.default_factory() if callable(one.default_factory) else one.default,
                repr=SECRET not in _metadata(one.type),
            )
            for one in msgspec.structs.fields(owner)
        }


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class _Options(msgspec.StructMeta):
    """Whatever comes of `DriverOptions` is frozen, and a field without a default may follow one that has it."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        usual = {"frozen": True, "kw_only": True, "forbid_unknown_fields": True}
        return super().__new__(cls, name, bases, namespace, **(usual | config))


class DriverOptions(msgspec.Struct, metaclass=_Options):
    """The base of a driver's options. What does not fit a type is wrong, and so are unknown keys; a `__post_init__` of
    its own calls this one, and raises ValueError for what does not go together."""

    model_fields: ClassVar[_Fields] = _Fields()

    def __post_init__(self) -> None:
        for name, check in _checks(type(self)):
            try:
                check.call(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name, field in type(self).model_fields.items() if field.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    @classmethod
    def model_validate(cls, values: object) -> Self:
        """The options an inventory or an assignment says. Raises WrongOptions."""
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            raise WrongOptions(_said_of(error, cls)) from error

    def model_dump(self) -> dict[str, Any]:
        said: dict[str, Any] = msgspec.to_builtins(self)
        return said


def _said_of(error: msgspec.ValidationError, options: type[DriverOptions]) -> str:
    """msgspec says what, and where as "$.table.status[...]"; of a word that is none of those there are, also which."""
    what, _, at = str(error).partition(" - at `$")
    place = at.rstrip("`").lstrip(".")
    if what.startswith("Invalid enum value"):
        kinds = {one.name: one.type for one in msgspec.structs.fields(options)}
        words = get_args(kinds.get(place)) if get_origin(kinds.get(place)) is Literal else ()
        what = f"is none of {', '.join(map(str, words))}" if words else "is none of the words there are"
    return f"{place}: {what}" if place else what


@cache
def _checks(options: type[DriverOptions]) -> list[tuple[str, Check]]:
    return list(_found(options))


def _found(options: type[DriverOptions]) -> Iterator[tuple[str, Check]]:
    for one in msgspec.structs.fields(options):
        yield from ((one.name, said) for said in _metadata(one.type) if isinstance(said, Check))


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
