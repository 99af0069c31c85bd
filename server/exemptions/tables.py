"""Exemptions as head office granted them. Those of `bank.toml` are no rows."""

from sqlalchemy import Column, ForeignKey, Index, text
from sqlmodel import Field, SQLModel

from server.checks.tables import CHECK
from server.storage.types import Id, Micros, new_uid

TEXT = 300  # characters of an approver and of a control


class ExemptionRow(SQLModel, table=True):
    """Of a host, or of a branch's hosts with those of the branches below it: of one class, or all.

    Over at `ends_at`, also before anybody wrote that down as `ended_at`.
    """

    __tablename__ = "exemption"
    __table_args__ = (
        Index(
            "ix_exemption_open",
            "ends_at",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    check_id: str = Field(max_length=CHECK)
    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False))
    of_class: str = Field(default="", max_length=64)  # of positions; "" is all hosts, the agents' PCs too
    approver: str = Field(max_length=TEXT)
    control: str = Field(max_length=TEXT)
    until: str = Field(max_length=10)  # its last day: 2027-03-31
    ends_at: int = Field(sa_column=Column(Micros, nullable=False))  # when that is over by the bank's clocks
    by: str = Field(max_length=80)
    at: int = Field(sa_column=Column(Micros, nullable=False))
    ended_at: int | None = Field(default=None, sa_column=Column(Micros))  # withdrawn, or over and written down
    withdrawn_by: str | None = Field(default=None, max_length=80)
