"""What a host, and the people at it, say."""

from typing import Literal

from agent.wire.clock import Clock
from agent.wire.record import Record

Unread = Literal["rights", "absent", "timeout", "unreadable"]
Told = str | int | bool | list[str]  # the value of a fact


class Fact(Record, frozen=True, kw_only=True, tag="fact", omit_defaults=True):
    """What a host says of itself about one topic: all it knows of that, every time.

    `unread` has, by a fact's name or a beginning of names that ends in a dot, why it is not among `facts`. What is in
    neither was not asked for.
    """

    host: str
    position: str = ""  # key of the one that is the host; "" is the agent's own PC
    topic: str = "host"  # all there was, once
    facts: dict[str, Told]
    unread: dict[str, str] = {}  # Unread, or a word of a newer agent


class Entry(Record, frozen=True, kw_only=True, tag="entry", omit_defaults=True):
    """What a person at the branch PC entered while the server was away. `clock` is when the agent took it.

    No account vouches for `who`: it is a name as it was typed. One `uid` is one entry, however often it comes.
    """

    uid: str  # 32 hexadecimal digits
    subject: str  # key of a branch, line or position
    what: Literal["ticket", "note", "answer"]  # a fault report, a line for the day's register, what the telephone said
    who: str
    title: str = ""  # of a ticket
    text: str = ""
    fault: Literal["hardware", "software", "network", "power", "other"] = "other"
    urgent: bool = False
    answer: Literal["", "power", "line", "closed"] = ""  # 停电, 断线, 已关机
    entered: Clock | None = None  # when it was typed; None: not before it was taken, as far as can be told
