"""People, the branches they may see, and their sessions."""

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from server.schemas.people import Role
from server.storage.types import Id, Micros, new_uid, words


class Person(SQLModel, table=True):
    __tablename__ = "person"

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    uid: str = Field(default_factory=new_uid, unique=True, max_length=36)
    login: str = Field(unique=True, max_length=80)
    name: str = Field(max_length=80)
    role: Role = Field(sa_column=Column(words(Role), nullable=False))
    password_hash: str = Field(max_length=200)  # argon2id
    must_change: bool = False  # the password was given by somebody else
    failed: int = 0
    locked_until: int = Field(default=0, sa_column=Column(Micros, nullable=False))
    disabled_at: int | None = Field(default=None, sa_column=Column(Micros))


class Scope(SQLModel, table=True):
    """A branch a person of role BRANCH may see, with everything below it."""

    __tablename__ = "scope"

    person_id: int = Field(sa_column=Column(Id, ForeignKey("person.id"), primary_key=True))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("branch.id"), primary_key=True))


class SignIn(SQLModel, table=True):
    """A session of a person; the token itself is never stored."""

    __tablename__ = "sign_in"

    token_hash: str = Field(primary_key=True, max_length=64)  # SHA-256
    person_id: int = Field(sa_column=Column(Id, ForeignKey("person.id"), nullable=False, index=True))
    created_at: int = Field(sa_column=Column(Micros, nullable=False))
    expires_at: int = Field(sa_column=Column(Micros, nullable=False))
