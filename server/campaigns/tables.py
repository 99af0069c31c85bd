"""Campaigns, a row for every host of each, and what each check said of it. They stay when push and records go."""

from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.schemas.campaigns import HostState, Kind, Tick
from server.storage.types import Id, Json, Micros, new_uid, words


class Campaign(SQLModel, table=True):
    """Some checks of some hosts. Who is asked when is its push's; `tallied` are the counts of it that were seen."""

    __tablename__ = "campaign"
    __table_args__ = (
        Index(
            "ix_campaign_open", "id", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    push: str = Field(default="", max_length=36, index=True)  # its uid; the push itself goes after some weeks
    kind: str = Field(default=Kind.PUSHED.value, sa_column=Column(String(16), server_default="pushed", nullable=False))
    title: str = Field(max_length=300)
    checks: list[dict[str, str]] = Field(
        sa_column=Column(Json, nullable=False)
    )  # id, zh, en, severity, text of the file; broken, where that was wrong
    bank: dict[str, Any] | None = Field(default=None, sa_column=Column(Json))  # Bank.frozen; None: an older version's
    template: dict[str, Any] = Field(  # Template.frozen
        default_factory=dict, sa_column=Column(Json, server_default="{}", nullable=False)
    )
    scope: dict[str, str] = Field(sa_column=Column(Json, nullable=False))  # of CampaignCreate, what was said
    by: str = Field(sa_column=Column("made_by", String(80), nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))
    starts: int = Field(sa_column=Column(Micros, nullable=False))
    expires: int = Field(sa_column=Column(Micros, nullable=False))
    window: str = Field(default="", sa_column=Column("hours", String(11), nullable=False))
    reason: str = Field(default="", max_length=500)
    total: int
    tallied: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    root: str = Field(default="", max_length=64)
    ended_at: int | None = Field(default=None, sa_column=Column(Micros))
    cancelled_by: str | None = Field(default=None, max_length=80)


class HostRow(SQLModel, table=True):
    """One host of a campaign. `seen` and `heard` are how its order stood when the row was written."""

    __tablename__ = "campaign_host"
    __table_args__ = (
        UniqueConstraint("campaign_id", "subject_id"),
        CheckConstraint("(state = 'answered') = (word <> '')", name="answered_with_a_word"),
        CheckConstraint("(state = 'undone') = (reason <> '')", name="undone_for_a_reason"),
        CheckConstraint("(state = 'waiting') = (at IS NULL)", name="settled_some_time"),
        Index("ix_campaign_host_state", "campaign_id", "state", "branch_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    campaign_id: int = Field(sa_column=Column(Id, ForeignKey("campaign.id"), nullable=False))
    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False, index=True))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False))  # scope, as it was then
    agent_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("agent.id")))  # who asks it
    order: str = Field(default="", sa_column=Column("order_uid", String(36), nullable=False))
    state: HostState = Field(sa_column=Column(words(HostState), nullable=False))
    seen: str = Field(default="", max_length=16)
    heard: bool = False
    word: str = Field(default="", max_length=16)  # the worst of its verdicts
    reason: str = Field(default="", max_length=32)  # an Undone
    detail: str = Field(default="", max_length=64)  # the word of the driver, the agent or the order behind it
    said: str = Field(default="", max_length=500)  # an agent's own words
    since: int | None = Field(default=None, sa_column=Column(Micros))  # it was heard last, where that is why
    at: int | None = Field(default=None, sa_column=Column(Micros))


class VerdictRow(SQLModel, table=True):
    """What one check said of one host: the words it was told in then, which later catalogues do not change."""

    __tablename__ = "campaign_verdict"

    host_id: int = Field(sa_column=Column(Id, ForeignKey("campaign_host.id"), primary_key=True, autoincrement=False))
    check_id: str = Field(primary_key=True, max_length=120)
    word: str = Field(max_length=16)
    told: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))  # zh and en: why, mend
    at: int | None = Field(default=None, sa_column=Column(Micros))  # of the oldest facts it rests on


class Item(SQLModel, table=True):
    """What a branch, or head office, is to answer, with its newest answer; "" while nobody did."""

    __tablename__ = "campaign_item"
    __table_args__ = (
        UniqueConstraint("campaign_id", "branch_id", "item"),
        CheckConstraint("word IN ('', 'done', 'notPossible')", name="a_word_there_is"),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    campaign_id: int = Field(sa_column=Column(Id, ForeignKey("campaign.id"), nullable=False))
    branch_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("subject.id")))  # None: head office
    item: str = Field(max_length=64)
    word: str = Field(default="", max_length=16)


class TickRow(SQLModel, table=True):
    """An answer of a named person. A later one stands beside it and counts."""

    __tablename__ = "campaign_tick"

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    item_id: int = Field(sa_column=Column(Id, ForeignKey("campaign_item.id"), nullable=False, index=True))
    word: Tick = Field(sa_column=Column(words(Tick), nullable=False))
    note: str = Field(default="", max_length=500)
    by: str = Field(sa_column=Column("said_by", String(80), nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))
