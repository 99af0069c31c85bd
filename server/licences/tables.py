"""Licences that were bought, a row a purchase."""

from datetime import date

from sqlalchemy import CheckConstraint, Column
from sqlmodel import Field, SQLModel

from server.schemas.licences import CODE, NAME, NOTE, PRODUCT, LicenceKind
from server.storage.types import Day, Id, Json, Micros, words


class Licence(SQLModel, table=True):
    """`product` is the id of one that is known, else its name. Never a key: `key_at` says where that is kept."""

    __tablename__ = "licence"
    __table_args__ = (
        CheckConstraint("seats > 0", name="licence_has_seats"),
        CheckConstraint("expires_on IS NULL OR expires_on >= bought_on", name="licence_ends_later"),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    code: str = Field(unique=True, max_length=CODE)  # 授权编号, as the bank gives them
    product: str = Field(max_length=PRODUCT, index=True)
    publisher: str = Field(max_length=NAME)
    kind: LicenceKind = Field(sa_column=Column(words(LicenceKind), nullable=False))
    seats: int
    contract: str = Field(max_length=NAME)  # or the number of other evidence
    bought_on: date = Field(sa_column=Column(Day, nullable=False))
    expires_on: date | None = Field(default=None, sa_column=Column(Day))  # the last day
    keeper: str = Field(max_length=40)
    key_at: str = Field(max_length=NAME)
    patterns: list[str] = Field(sa_column=Column(Json, nullable=False))
    note: str = Field(max_length=NOTE)
    since: int = Field(sa_column=Column(Micros, nullable=False))
    withdrawn_at: int | None = Field(default=None, sa_column=Column(Micros))
