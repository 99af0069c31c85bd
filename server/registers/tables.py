"""The register of security checks. Triggers refuse UPDATE and DELETE on it, as on the journal."""

from sqlalchemy import Column, ForeignKey, Index, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from server.schemas.registers import Category, Entry, Outcome, Source
from server.storage.types import Id, Json, Micros, words


class SecurityRow(SQLModel, table=True):
    """One row. `found` and `item` in both languages, in the words of then. It stays when what it was made of goes."""

    __tablename__ = "security_register"
    __table_args__ = (
        UniqueConstraint("corrects"),  # a row is corrected once; what corrects it may be corrected again
        Index("ix_security_register_at", "at", "id"),
        Index("ix_security_register_branch", "branch_id", "at"),
        Index("ix_security_register_subject", "subject_id", "at"),
        Index("ix_security_register_campaign", "campaign", "subject_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    at: int = Field(sa_column=Column(Micros, nullable=False))
    since: int | None = Field(default=None, sa_column=Column(Micros))
    written: int = Field(sa_column=Column(Micros, nullable=False))
    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False))  # as it was then
    asset: str = Field(default="", max_length=80)
    by: str = Field(sa_column=Column("made_by", String(80), nullable=False))
    source: Source = Field(sa_column=Column(words(Source), nullable=False))
    kind: Entry = Field(sa_column=Column(words(Entry), nullable=False))
    category: Category = Field(default=Category.NONE, sa_column=Column(words(Category), nullable=False))
    item: dict[str, str] = Field(sa_column=Column(Json, nullable=False))  # zh, en
    outcome: Outcome = Field(sa_column=Column(words(Outcome), nullable=False))
    patch: str = Field(default="", max_length=500)
    library: str = Field(default="", max_length=300)
    library_at: int | None = Field(default=None, sa_column=Column(Micros))
    found: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))  # zh, en
    measure: str = Field(default="", max_length=2000)
    due: str = Field(default="", max_length=10)
    corrects: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("security_register.id")))
    root: int | None = Field(default=None, sa_column=Column(Id))  # of a correction: the row it all began with
    follows: int | None = Field(
        default=None, sa_column=Column(Id, ForeignKey("security_register.id"), index=True)
    )  # never a correction
    reason: str = Field(default="", max_length=500)
    campaign: str = Field(default="", max_length=36)
