"""What all others are made of: a message, a refusal, and a page of a list with the coverage it has."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Problem(Schema):
    """Every refusal: one sentence in the asked-for language (Accept-Language: zh or en)."""

    detail: str
    reason: str = ""  # to an agent that is not let in, a word that says why


class Coverage(Schema):
    """Of `due` subjects, `fresh` have valid data; `never` never reported; the rest is old."""

    due: int
    fresh: int
    never: int
    unknown: int = 0  # asked just now, and it cannot be told
    closed: int = 0  # its agent ended on purpose


class Page(Schema):
    """A stretch of a longer list; `total` counts all that match."""

    total: int
    offset: int
    coverage: Coverage | None = None
    at: int  # the server's clock when it answered
