"""A batch of an agent that could not be read."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary
from sqlmodel import Field, SQLModel

from server.storage.types import Id, Micros


class Aside(SQLModel, table=True):
    """What came, once however often it came. The oldest are let go of first (`deeds.keep`)."""

    __tablename__ = "aside"
    __table_args__ = (Index("uq_aside_agent_digest", "agent_id", "digest", unique=True),)

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False))
    first_at: int = Field(sa_column=Column(Micros, nullable=False))  # server clock
    last_at: int = Field(sa_column=Column(Micros, nullable=False))
    times: int
    why: str = Field(max_length=400)  # the English sentence the agent was told
    media: str = Field(max_length=80)
    encoding: str = Field(max_length=40)
    size: int  # bytes as sent; `body` may be its beginning only
    digest: str = Field(max_length=64)  # SHA-256 of all of it
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
