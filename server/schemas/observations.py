"""State records, for programs that compare."""

from server.schemas.base import Page, Schema


class ObservationOut(Schema):
    """One state record, for programs that compare."""

    id: int
    subject: str
    agent: str
    seq: int
    at: int
    device: str
    parts: dict[str, str]
    numbers: dict[str, float]
    failure: str | None


class ObservationPage(Page):
    rows: list[ObservationOut]
