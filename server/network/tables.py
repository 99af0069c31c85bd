"""Who was seen on the wire, by whom."""

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from server.storage.types import Id, Micros

MAC, ADDRESS, PORT = 17, 45, 32  # characters


class WireSeen(SQLModel, table=True):
    """One line of the tables of `teller_id`, which told it first and last then. `ip` is "" in a table of stations."""

    __tablename__ = "wire_seen"
    __table_args__ = (Index("ix_wire_seen_last", "last_at"),)

    teller_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), primary_key=True))
    mac: str = Field(primary_key=True, max_length=MAC)
    ip: str = Field(primary_key=True, max_length=ADDRESS)
    port: str = Field(max_length=PORT)
    first_at: int = Field(sa_column=Column(Micros, nullable=False))  # corrected
    last_at: int = Field(sa_column=Column(Micros, nullable=False))
    swept_at: int | None = Field(default=None, sa_column=Column(Micros))  # when a sweep found it last
