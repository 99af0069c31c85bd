"""What people entered at a branch PC without the server: one row an entry, whatever is sent again."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String
from sqlmodel import Field, SQLModel

from server.schemas.entries import Answer, EntryKind
from server.storage.types import Id, Micros, words


class EntryRow(SQLModel, table=True):
    """`who` is a name as it was typed: nobody had signed in."""

    __tablename__ = "entry"
    __table_args__ = (
        # a report has its ticket; a note or an answer stands on one only where one was open
        CheckConstraint("what <> 'ticket' OR ticket_id IS NOT NULL", name="report_has_ticket"),
        CheckConstraint("(what = 'answer') = (answer IS NOT NULL)", name="answer_says_what"),
        Index("ix_entry_subject_at", "subject_id", "at"),
    )

    uid: str = Field(primary_key=True, max_length=32)
    record_id: int = Field(sa_column=Column(Id, ForeignKey("record.id"), nullable=False, unique=True))
    agent_id: int = Field(sa_column=Column(Id, ForeignKey("agent.id"), nullable=False))
    subject_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False))
    what: EntryKind = Field(sa_column=Column(words(EntryKind), nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))  # corrected time it was typed
    arrived: int = Field(sa_column=Column(Micros, nullable=False))
    who: str = Field(max_length=40)
    text: str = Field(default="", max_length=2000)
    answer: Answer | None = Field(default=None, sa_column=Column(words(Answer)))
    ticket_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("ticket.id"), index=True))


class AnswerRow(SQLModel, table=True):
    """What a named person said on the telephone of a silent branch: evidence, until contrary evidence comes."""

    __tablename__ = "answer"
    __table_args__ = (Index("ix_answer_branch_at", "branch_id", "at"),)

    id: int | None = Field(default=None, sa_column=Column(Id, primary_key=True))
    branch_id: int = Field(sa_column=Column(Id, ForeignKey("subject.id"), nullable=False))
    answer: Answer = Field(sa_column=Column(words(Answer), nullable=False))
    at: int = Field(sa_column=Column(Micros, nullable=False))  # when it was said, corrected
    who: str = Field(max_length=80)  # a person's name; of an entry as it was typed, with the agent it came by
    entry_uid: str | None = Field(default=None, sa_column=Column(String(32), ForeignKey("entry.uid"), unique=True))
