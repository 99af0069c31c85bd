"""The bank's own media, and each time one was seen."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String
from sqlmodel import Field, SQLModel

from server.schemas.media import KEEPER, LABEL, NOTE, SERIAL, StickStatus, StickWord, Way
from server.storage.types import Id, Micros, words

STICK = 200  # characters of what sightings of one medium have in common


class MediaStick(SQLModel, table=True):
    """One medium of the bank. `due` is the end of the last day it may be out. While somebody has it on loan, `keeper`
    is that one, and `home` who keeps it otherwise."""

    __tablename__ = "media_stick"
    __table_args__ = (CheckConstraint("due IS NULL OR status = 'lent'", name="lent_has_due"),)

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    stick: str = Field(unique=True, max_length=STICK)  # `stick_of` its serial
    serial: str = Field(max_length=SERIAL)  # as it was registered
    label: str = Field(unique=True, max_length=LABEL)  # what stands on it
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False, index=True))
    status: StickStatus = Field(sa_column=Column(words(StickStatus), nullable=False))
    keeper: str = Field(max_length=KEEPER)
    home: str | None = Field(default=None, sa_column=Column(String(KEEPER)))  # None: it is not on loan
    due: int | None = Field(default=None, sa_column=Column(Micros))
    since: int = Field(sa_column=Column(Micros, nullable=False))  # of its status and keeper
    note: str = Field(max_length=NOTE)


class MediaLate(SQLModel, table=True):
    """The ticket of a loan that is over and did not come back; a loan is told from others by its last day."""

    __tablename__ = "media_late"

    stick_id: int = Field(sa_column=Column(Id, ForeignKey("media_stick.id"), primary_key=True, autoincrement=False))
    due: int = Field(sa_column=Column(Micros, primary_key=True, autoincrement=False))
    ticket_id: int = Field(sa_column=Column(Id, ForeignKey("ticket.id"), nullable=False))


class MediaSighting(SQLModel, table=True):
    """A record of an agent about a medium. All but `word` is the medium's own word, or the agent's."""

    __tablename__ = "media_sighting"
    __table_args__ = (
        Index("ix_media_sighting_stick", "stick", "id"),
        Index("ix_media_sighting_agent", "agent_id", "id"),
        Index("ix_media_sighting_at", "at"),
    )

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    record: int = Field(sa_column=Column(Id, nullable=False, unique=True))  # its id in the log, which may have gone
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))  # corrected
    arrived: int = Field(sa_column=Column(Micros, nullable=False))
    way: Way = Field(sa_column=Column(words(Way), nullable=False))
    stick: str = Field(max_length=STICK)
    serial: str = Field(max_length=SERIAL)
    vendor: str = Field(max_length=SERIAL)
    model: str = Field(max_length=SERIAL)
    bytes: int = Field(sa_column=Column(Micros, nullable=False))
    word: StickWord = Field(sa_column=Column(words(StickWord), nullable=False))
    left_out: int = 0
    ticket_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("ticket.id"), index=True))
