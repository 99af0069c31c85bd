"""What arrived: the record log, the ranges received, the newest state of each view, and the intervals it held.

Written by the ingest thread alone, with plain SQL. A record is never rewritten.
"""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from server.ingest.numbers import Fate
from server.storage.types import Id, Micros, key_of_many, key_to_record


class Stream(SQLModel, table=True):
    """One spool file of one agent, or what of it goes on under another name: numbers below `first` are of `after`."""

    __tablename__ = "stream"

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False, index=True))
    uid: str = Field(unique=True, max_length=64)
    after_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("stream.id"), index=True))
    first: int = Field(default=1, sa_column=Column(Id, nullable=False, server_default="1"))
    first_seen: int = Field(sa_column=Column(Micros, nullable=False))


class ReceivedRange(SQLModel, table=True):
    """Numbers lo..hi of a stream are settled, and how; neighbours of one fate are merged."""

    __tablename__ = "received_range"

    stream_id: int = Field(sa_column=Column(Id, ForeignKey("stream.id"), primary_key=True))
    lo: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    hi: int = Field(sa_column=Column(Id, nullable=False))
    fate: str = Field(default=Fate.HERE, max_length=8, sa_column_kwargs={"server_default": Fate.HERE})


class RecordRow(SQLModel, table=True):
    """The record log. `id` is the cursor followers read by: ids become visible in order.

    On PostgreSQL in parts of ids, one a month (`server.retention.months`); a number is unique within each part there.
    """

    __tablename__ = "record"
    __table_args__ = (
        UniqueConstraint("stream_id", "seq").ddl_if(dialect="sqlite"),
        Index("ix_record_subject_at", "subject_id", "at"),
        Index("ix_record_history", "id", sqlite_where=text("history = 1"), postgresql_where=text("history")),
        Index("ix_record_entry", "id", sqlite_where=text("kind = 'entry'"), postgresql_where=text("kind = 'entry'")),
        Index("ix_record_event", "id", sqlite_where=text("kind = 'event'"), postgresql_where=text("kind = 'event'")),
        Index("ix_record_fact", "id", sqlite_where=text("kind = 'fact'"), postgresql_where=text("kind = 'fact'")),
        Index("ix_record_result", "id", sqlite_where=text("kind = 'result'"), postgresql_where=text("kind = 'result'")),
        Index(
            "ix_record_refused",
            *("subject_id", "stream_id", "seq"),
            sqlite_where=text("kind = 'refused'"),
            postgresql_where=text("kind = 'refused'"),
        ),
        key_of_many("stream_id", "stream.id"),
        key_of_many("subject_id", "subject.id"),
        # an id never comes back, even when the newest rows have been dropped
        {"sqlite_autoincrement": True, "postgresql_partition_by": "RANGE (id)"},
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    stream_id: int = Field(sa_column=Column(Id, nullable=False))
    seq: int = Field(sa_column=Column(Id, nullable=False))
    kind: str = Field(max_length=8)  # state hold event result fact entry, or refused: `body` is then what came
    # a state's position or line, an entry's subject; of a hold nothing; else its position, or where none is the agent;
    # of what is refused the position whose state is lost with it, if any
    subject_id: int | None = Field(default=None, sa_column=Column(Id))
    at: int = Field(sa_column=Column(Micros, nullable=False))  # corrected time, fixed here for ever
    confidence: int = Field(sa_column=Column(Micros, nullable=False))  # ± µs of `at`
    wall: int = Field(sa_column=Column(Micros, nullable=False))
    boot: int = Field(sa_column=Column(Micros, nullable=False))
    boot_id: str = Field(max_length=64)
    arrived: int = Field(sa_column=Column(Micros, nullable=False))
    # its agent was behind when it came: followers read it after what is live, in the same order
    history: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # msgpack of the wire record


class ClockOffset(SQLModel, table=True):
    """server time = boot clock + offset, as one exchange showed it. Rows are added, never changed."""

    __tablename__ = "clock_offset"
    __table_args__ = (Index("ix_clock_offset_agent_boot", "agent_id", "boot_id", "at"),)

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False))
    boot_id: str = Field(max_length=64)
    at: int = Field(sa_column=Column(Micros, nullable=False))
    offset: int = Field(sa_column=Column("offset_us", Micros, nullable=False))
    error: int = Field(sa_column=Column("error_us", Micros, nullable=False))


class Latest(SQLModel, table=True):
    """The newest state of a subject as one agent sees it, guarded by corrected time."""

    __tablename__ = "latest"
    __table_args__ = (
        Index("ix_latest_record", "record_id"),  # is it referred to? asked of each record that goes
        key_to_record(),
    )

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True))
    record_id: int = Field(sa_column=Column(Id, nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))  # when it became so
    held_to: int = Field(sa_column=Column(Micros, nullable=False))  # attested up to here
    answered: bool  # a reading, or a failure


class Attested(SQLModel, table=True):
    """The state of `record_id` held from `start` to `end` by `good` answered and `failed` unanswered polls.

    A hold extends the newest row of the state it follows. Only when nothing was attested for longer than three
    intervals and a minute does it begin another row of the same state, so a night without an agent stays a hole.
    """

    __tablename__ = "attested"
    __table_args__ = (
        Index("ix_attested_subject_end", "subject_id", "end_at"),
        key_to_record(),
        key_of_many("subject_id", "subject.id"),
        key_of_many("agent_id", "agent.id"),
    )

    record_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    start: int = Field(sa_column=Column("start_at", Micros, primary_key=True, autoincrement=False))
    end: int = Field(sa_column=Column("end_at", Micros, nullable=False))
    subject_id: int = Field(sa_column=Column(Id, nullable=False))
    agent_id: int = Field(sa_column=Column(Id, nullable=False))
    good: int
    failed: int


class AgentSeen(SQLModel, table=True):
    """When each agent was last heard of, by the server's clock, and what it said of itself."""

    __tablename__ = "agent_seen"
    __table_args__ = (  # each step of health asks for these few
        Index(
            "ix_agent_seen_odd",
            "agent_id",
            sqlite_where=text("behind = 1 OR hindered <> ''"),
            postgresql_where=text("behind OR hindered <> ''"),
        ),
    )

    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True, autoincrement=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))
    version: str = ""
    waiting: int = 0  # records in its spool when it last sent
    boot_id: str = ""
    # records wait at the agent, or here unjudged, that lie before its newest; health says when that is over
    behind: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    # why it can write nothing down: a Hindered
    hindered: str = Field(default="", sa_column_kwargs={"server_default": text("''")})


class AheadRow(SQLModel, table=True):
    """How a subject stands by an agent that is behind: told ahead of the records, and gone when these are here."""

    __tablename__ = "ahead"
    __table_args__ = (
        Index("ix_ahead_fresh", "agent_id", sqlite_where=text("fresh = 1"), postgresql_where=text("fresh")),
    )

    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True, autoincrement=False))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True, autoincrement=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))  # when it became so, corrected
    held_to: int = Field(sa_column=Column(Micros, nullable=False))  # found so up to here, corrected
    confidence: int = Field(sa_column=Column(Micros, nullable=False))
    fresh: bool  # health has not seen it yet
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # msgpack of the wire state
