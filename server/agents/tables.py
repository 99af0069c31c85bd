"""Who an agent is: its codes, its keys, the processes that spoke with a key, and their tokens."""

from enum import StrEnum

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from server.schemas.agents import IdentityStanding
from server.storage.types import Id, Micros, words

TRUSTS_LIMIT = 200  # characters: eleven prints


class KeyStanding(StrEnum):
    GOOD = "good"
    WAITING = "waiting"  # enrolled while the agent had a key: until a person confirms it
    ROTATED = "rotated"  # the agent put a fresh one in its place: whoever still has it has a copy
    REPLACED = "replaced"  # a person confirmed another, or withdrew it
    REVOKED = "revoked"


class AgentCode(SQLModel, table=True):
    """A one-time code. Used, expired, withdrawn and voided ones stay, so that the server can say which it is."""

    __tablename__ = "agent_code"

    id: str = Field(primary_key=True, max_length=8)  # the public part
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False, index=True))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("branch.id"), nullable=False))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # the secret part
    made_at: int = Field(sa_column=Column(Micros, nullable=False))
    made_by: str = Field(max_length=80)
    expires_at: int = Field(sa_column=Column(Micros, nullable=False))
    tries: int = 0  # with a wrong secret part
    used_by: str | None = Field(default=None, max_length=64)  # the public key that was enrolled with it
    withdrawn_at: int | None = Field(default=None, sa_column=Column(Micros))


class AgentKey(SQLModel, table=True):
    """A public key an agent has or had. It has one good key at most, and one that waits."""

    __tablename__ = "agent_key"
    __table_args__ = (
        Index(
            "uq_agent_key_good",
            "agent_id",
            "standing",
            unique=True,
            sqlite_where=text("standing IN ('good', 'waiting')"),
            postgresql_where=text("standing IN ('good', 'waiting')"),
        ),
    )

    public_key: str = Field(primary_key=True, max_length=64)  # hexadecimal
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False, index=True))
    standing: KeyStanding = Field(sa_column=Column(words(KeyStanding), nullable=False))
    made_at: int = Field(sa_column=Column(Micros, nullable=False))
    host: str = Field(max_length=120)
    system: str = Field(max_length=120)
    address: str = Field(max_length=64)  # it was enrolled from


class AgentIdentity(SQLModel, table=True):
    """What holds of an agent whichever key it has."""

    __tablename__ = "agent_identity"

    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True, autoincrement=False))
    challenged_at: int = Field(default=0, sa_column=Column(Micros, nullable=False))  # of the newest challenge answered
    rotate: bool = False  # a person asked for a fresh key
    quarantined_at: int | None = Field(default=None, sa_column=Column(Micros))
    revoked_at: int | None = Field(default=None, sa_column=Column(Micros))
    trusts: str = Field(default="", max_length=TRUSTS_LIMIT, sa_column_kwargs={"server_default": text("''")})  # prints


class AgentInstance(SQLModel, table=True):
    """A process that got a token. The one without `superseded_at` is the agent now."""

    __tablename__ = "agent_instance"

    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), primary_key=True))
    instance: str = Field(primary_key=True, max_length=64)
    began_at: int = Field(sa_column=Column(Micros, nullable=False))
    asked_at: int = Field(sa_column=Column(Micros, nullable=False))  # last: it was given a token, or held off
    superseded_at: int | None = Field(default=None, sa_column=Column(Micros))
    forked: bool  # it did not come after the one before it
    host: str = Field(max_length=120)
    system: str = Field(max_length=120)
    address: str = Field(max_length=64)


class AgentToken(SQLModel, table=True):
    """A live token; the token itself is never stored. Every request looks here, so a row that is gone is a no."""

    __tablename__ = "agent_token"

    token_hash: str = Field(primary_key=True, max_length=64)  # SHA-256
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False, index=True))
    expires_at: int = Field(sa_column=Column(Micros, nullable=False))


class KeptOut(SQLModel, table=True):
    """How an agent's identity stood, from one moment to another, as far as that explains a silence.

    Written by `server.agents.kept_out` with every change of an identity; of an agent one row at most has no end.
    """

    __tablename__ = "agent_kept_out"
    __table_args__ = (
        Index(
            "uq_agent_kept_out_open",
            "agent_id",
            unique=True,
            sqlite_where=text("end_at IS NULL"),
            postgresql_where=text("end_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False, index=True))
    why: IdentityStanding = Field(sa_column=Column(words(IdentityStanding), nullable=False))
    start: int = Field(sa_column=Column("start_at", Micros, nullable=False))
    end: int | None = Field(default=None, sa_column=Column("end_at", Micros))  # None: still
