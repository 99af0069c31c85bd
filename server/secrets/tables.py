"""Secrets by name, sealed with the key of the home."""

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from server.storage.types import Micros


class Secret(SQLModel, table=True):
    __tablename__ = "secret"

    name: str = Field(primary_key=True, max_length=64)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    changed_at: int = Field(sa_column=Column(Micros, nullable=False))
