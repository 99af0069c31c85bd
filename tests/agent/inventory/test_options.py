"""Options for people: the same declaration as pydantic reads it, so that all that is wrong is told at once."""

from typing import Annotated, Literal

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.inventory.options import model_of
from drivers.options import Check, DriverOptions


def even(value: int) -> None:
    if value % 2:
        raise ValueError("must be even")


class Inner(DriverOptions):
    size: Annotated[int, msgspec.Meta(le=9)] = 0


class Options(DriverOptions):
    mode: Literal["fast", "slow"] = "slow"
    count: Annotated[int, msgspec.Meta(ge=1), Check(even)] = 2
    words: list[Annotated[str, msgspec.Meta(min_length=2)]] = msgspec.field(default_factory=list)
    inner: Inner | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode == "fast" and self.count > 4:
            raise ValueError("fast is for four at most")


class Modelled(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: Annotated[int, Field(ge=1)] = 2


def wrong(values: dict[str, object]) -> set[tuple[str, str]]:
    with pytest.raises(ValidationError) as raised:
        model_of(Options).model_validate(values)
    return {(".".join(map(str, one["loc"])), one["type"]) for one in raised.value.errors()}


def test_all_that_is_wrong_is_told_at_once_with_its_place() -> None:
    values: dict[str, object] = {"mode": "x", "count": 0, "words": ["a"], "inner": {"size": 10, "sise": 1}, "mod": 1}
    assert wrong(values) == {
        ("mode", "literal_error"),
        ("count", "greater_than_equal"),
        ("words.0", "string_too_short"),
        ("inner.size", "less_than_equal"),
        ("inner.sise", "extra_forbidden"),
        ("mod", "extra_forbidden"),
    }
    assert wrong({"count": 3}) == {("count", "value_error")}


def test_what_does_not_go_together_is_told_in_the_drivers_words() -> None:
    with pytest.raises(ValidationError, match="fast is for four at most"):
        model_of(Options).model_validate({"mode": "fast", "count": 6})
    assert model_of(Options).model_validate({"mode": "fast", "count": 4, "inner": {"size": 1}})


def test_what_is_a_model_already_stays_one() -> None:
    assert model_of(Modelled) is Modelled
