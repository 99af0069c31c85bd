"""Options of drivers: what will not do is told by its name, and never with what was written."""

from typing import Annotated, Literal

import msgspec
import pytest

from drivers.options import SECRET, Check, DriverOptions, WrongOptions


def even(value: int) -> None:
    if value % 2:
        raise ValueError("must be even")


class Inner(DriverOptions):
    size: int = 0


class Options(DriverOptions):
    name: str
    mode: Literal["fast", "slow"] = "slow"
    count: Annotated[int, msgspec.Meta(ge=1), Check(even)] = 2
    password: Annotated[str, msgspec.Meta(max_length=20), SECRET] = "public"
    inner: Inner | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode == "fast" and self.count > 4:
            raise ValueError("fast is for four at most")


def wrong(**said: object) -> str:
    with pytest.raises(WrongOptions) as raised:
        Options.model_validate({"name": "n", **said})
    return str(raised.value)


def test_what_is_said_is_read_and_the_rest_is_as_usual() -> None:
    options = Options.model_validate({"name": "n", "count": "4", "inner": {"size": 3}})
    assert options == Options(name="n", count=4, inner=Inner(size=3))
    assert options.model_dump()["inner"] == {"size": 3}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"mode": "hunter2"}, "mode: is none of fast, slow"),
        ({"count": "hunter2"}, "count: Expected `int`, got `str`"),
        ({"count": 0}, "count: Expected `int` >= 1"),
        ({"count": 3}, "count: must be even"),
        ({"pasword": "hunter2"}, "Object contains unknown field `pasword`"),
        ({"password": "hunter2" * 4}, "password: Expected `str` of length <= 20"),
        ({"inner": {"size": "hunter2"}}, "inner.size: Expected `int`, got `str`"),
        ({"inner": {"sise": 1}}, "inner: Object contains unknown field `sise`"),
        ({"mode": "fast", "count": 6}, "fast is for four at most"),
        ({"name": None}, "name: Expected `str`, got `null`"),
    ],
)
def test_what_will_not_do_is_told_by_its_name_and_never_with_its_value(said: dict[str, object], sentence: str) -> None:
    assert wrong(**said) == sentence


def test_a_secret_is_not_shown() -> None:
    options = Options(name="n", password="hunter2")
    assert repr(options) == "Options(name='n', mode='slow', count=2, inner=None)"
    assert [name for name, field in Options.model_fields.items() if not field.repr] == ["password"]


def test_options_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Options(name="n").name = "other"
