"""Cards of the ledger and their versions: when a thing was so, and when the bank knew it."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, text
from sqlmodel import Field, SQLModel

from server.storage.types import FOREVER, Id, Json, Micros, new_uid, words


class CardStatus(StrEnum):
    IN_USE = "in-use"  # 在用
    SPARE = "spare"  # 备用
    REPAIR = "repair"  # 维修
    STOPPED = "stopped"  # 停用
    TO_SCRAP = "to-scrap"  # 待报废
    SCRAPPED = "scrapped"  # 已报废


class Card(SQLModel, table=True):
    """One machine. Its asset number never changes."""

    __tablename__ = "card"

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    asset: str = Field(unique=True, max_length=80)


class CardVersion(SQLModel, table=True):
    """A card as it was in effective_from..effective_to, as known in known_from..known_to. Current: open on both."""

    __tablename__ = "card_version"
    __table_args__ = (
        CheckConstraint("effective_from < effective_to", name="effective_order"),
        CheckConstraint("known_from < known_to", name="known_order"),
        # one current version a card, and one machine a position
        Index(
            "uq_card_current",
            "card_id",
            unique=True,
            sqlite_where=text(f"effective_to = {FOREVER} AND known_to = {FOREVER}"),
            postgresql_where=text(f"effective_to = {FOREVER} AND known_to = {FOREVER}"),
        ),
        Index(
            "uq_position_filled",
            "position_id",
            unique=True,
            sqlite_where=text(f"effective_to = {FOREVER} AND known_to = {FOREVER} AND position_id IS NOT NULL"),
            postgresql_where=text(f"effective_to = {FOREVER} AND known_to = {FOREVER} AND position_id IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    card_id: int = Field(sa_column=Column(Id, ForeignKey("card.id"), nullable=False, index=True))
    effective_from: int = Field(sa_column=Column(Micros, nullable=False))
    effective_to: int = Field(default=FOREVER, sa_column=Column(Micros, nullable=False))
    known_from: int = Field(sa_column=Column(Micros, nullable=False))
    known_to: int = Field(default=FOREVER, sa_column=Column(Micros, nullable=False))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("branch.id"), nullable=False, index=True))
    position_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("position.id"), index=True))
    status: CardStatus = Field(sa_column=Column(words(CardStatus), nullable=False))
    fields: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))  # server.ledger.fields.CardFields
    journal_seq: int = Field(sa_column=Column(Id, ForeignKey("journal.seq"), nullable=False))  # the deed that made it
