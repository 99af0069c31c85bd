"""Days whose records are not kept any more: what was counted of them before they went."""

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from server.storage.types import Id, Json

Minutes = Id  # position-minutes of a day: of two million positions they are more than 31 bits hold


class KeptAgentDay(SQLModel, table=True):
    """What an agent owed and delivered on a day, of what it polled in one branch."""

    __tablename__ = "kept_agent_day"

    day: str = Field(primary_key=True, max_length=10)  # 2026-11-04
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("branch.id"), primary_key=True))
    due: int = Field(sa_column=Column(Minutes, nullable=False))
    attested: int = Field(sa_column=Column(Minutes, nullable=False))
    missing: dict[str, int] = Field(sa_column=Column(Json, nullable=False))  # reasons that have minutes


class KeptBranchDay(SQLModel, table=True):
    """Of the positions and lines of a branch, by whichever agents."""

    __tablename__ = "kept_branch_day"

    day: str = Field(primary_key=True, max_length=10)  # 2026-11-04
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("branch.id"), primary_key=True))
    due: int = Field(sa_column=Column(Minutes, nullable=False))
    attested: int = Field(sa_column=Column(Minutes, nullable=False))
    missing: dict[str, int] = Field(sa_column=Column(Json, nullable=False))


class KeptNumbers(SQLModel, table=True):
    """Numbers an agent gave up on a day: lost, and merged into others."""

    __tablename__ = "kept_numbers"

    day: str = Field(primary_key=True, max_length=10)  # 2026-11-04
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True))
    lost: int = Field(sa_column=Column(Id, nullable=False))
    thinned: int = Field(sa_column=Column(Id, nullable=False))
