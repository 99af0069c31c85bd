"""Sweeps that were asked for. What becomes of one that is approved is its push's; the two go together."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, text
from sqlmodel import Field, SQLModel

from server.storage.types import Id, Micros, new_uid

ZERO = text("0")


class SweepRow(SQLModel, table=True):
    """`push` is "" until somebody approved it, and stays so if they refused."""

    __tablename__ = "sweep"
    __table_args__ = (
        CheckConstraint("starts < expires", name="expires_after_it_starts"),
        CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name="decided_by_somebody"),
        CheckConstraint("decided_by IS NULL OR decided_by <> made_by", name="decided_by_another"),
        CheckConstraint("push = '' OR decided_by IS NOT NULL", name="sent_when_approved"),
        CheckConstraint("(cancelled_at IS NULL) = (cancelled_by IS NULL)", name="cancelled_by_somebody"),
        Index(
            "ix_sweep_open",
            "expires",
            sqlite_where=text("decided_at IS NULL AND cancelled_at IS NULL"),
            postgresql_where=text("decided_at IS NULL AND cancelled_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    prefix: str = Field(max_length=18)
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False, index=True))  # its agent's
    rate: int
    starts: int = Field(sa_column=Column(Micros, nullable=False))
    expires: int = Field(sa_column=Column(Micros, nullable=False))
    window: str = Field(default="", sa_column=Column("hours", String(11), nullable=False))
    reason: str = Field(default="", max_length=500)
    by: str = Field(sa_column=Column("made_by", String(80), nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))
    decided_by: str | None = Field(default=None, max_length=80)
    decided_at: int | None = Field(default=None, sa_column=Column(Micros))
    refusal: str = Field(default="", max_length=500)
    push: str = Field(default="", max_length=36, index=True)
    cancelled_by: str | None = Field(default=None, max_length=80)
    cancelled_at: int | None = Field(default=None, sa_column=Column(Micros))
    of: int = Field(default=0, sa_column=Column("whole", Integer, server_default=ZERO, nullable=False))  # addresses
    asked: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})
    answered: int = Field(default=0, sa_column_kwargs={"server_default": ZERO})
    told_at: int | None = Field(default=None, sa_column=Column(Micros))  # these three, by its agent on the way
