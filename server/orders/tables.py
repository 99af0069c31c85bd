"""Pushes and their orders. However the server ended an order, a result of its agent is the truth."""

from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.schemas.orders import OrderState
from server.storage.types import Id, Json, Micros, new_uid, words

OPEN = (OrderState.WAITING, OrderState.HANDED)
_OPEN = "state IN ('waiting', 'handed')"


class Push(SQLModel, table=True):
    """One deed of a person: what, about what, and when it may be begun."""

    __tablename__ = "push"
    __table_args__ = (
        CheckConstraint("starts < expires", name="expires_after_it_starts"),
        CheckConstraint("(cancelled_at IS NULL) = (cancelled_by IS NULL)", name="cancelled_by_somebody"),
        Index(
            "ix_push_open", "expires", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    what: str = Field(max_length=32)  # an OrderKind: the border checks it, so a kind more needs no migration
    # a branch, line, position or agent; None: everything
    subject_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("subject.id"), index=True))
    branch_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("subject.id"), index=True))  # scope
    by: str = Field(sa_column=Column("made_by", String(80), nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))
    starts: int = Field(sa_column=Column(Micros, nullable=False))
    expires: int = Field(sa_column=Column(Micros, nullable=False))
    window: str = Field(default="", sa_column=Column("hours", String(11), nullable=False))  # "17:30-08:00", bank's time
    reason: str = Field(default="", max_length=500)
    prefix: str = Field(default="", max_length=18, sa_column_kwargs={"server_default": text("''")})  # of a sweep
    rate: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})  # of a sweep: addresses a second
    takes: int = Field(default=0, sa_column=Column(Micros, server_default=text("0"), nullable=False))  # window.Times
    total: int
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))  # once it has ended
    ended_at: int | None = Field(default=None, sa_column=Column(Micros))
    cancelled_at: int | None = Field(default=None, sa_column=Column(Micros))
    cancelled_by: str | None = Field(default=None, max_length=80)


class AgentOrder(SQLModel, table=True):
    """What one agent is to do for a push. `why` is an agent's word (`agent.wire.Why`) or one of ours (`reasons.py`)."""

    __tablename__ = "agent_order"
    __table_args__ = (
        UniqueConstraint("push_id", "agent_id"),
        CheckConstraint(f"({_OPEN}) = (ended_at IS NULL)", name="ended_when_it_is_over"),
        CheckConstraint("state <> 'handed' OR handed_at IS NOT NULL", name="handed_some_time"),
        CheckConstraint("(state = 'done') <= answered", name="done_by_a_result"),
        Index("ix_agent_order_push_state", "push_id", "state"),
        Index("ix_agent_order_open", "agent_id", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    push_id: int = Field(sa_column=Column(Id, ForeignKey("push.id"), nullable=False))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False))
    state: OrderState = Field(sa_column=Column(words(OrderState), nullable=False))
    positions: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))  # none: all it polls
    handed_at: int | None = Field(default=None, sa_column=Column(Micros))
    stream: str = Field(
        default="", max_length=64, sa_column_kwargs={"server_default": text("''")}
    )  # its agent's, when handed
    ended_at: int | None = Field(default=None, sa_column=Column(Micros))  # by a result: its corrected time
    answered: bool = False  # a result of its agent said how it ended, and nothing that comes later does
    why: str = Field(default="", max_length=32)
    said: str = Field(default="", max_length=500)  # the agent's own words of an error
    heard_at: int | None = Field(default=None, sa_column=Column(Micros))  # of one never handed: last sign of its agent
    polled: int = 0
    unread: int = 0  # of these without a reading
    result: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))  # results.py
