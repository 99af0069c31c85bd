"""What the `branchfleet-server` command ends with. The numbers are an API: docs/exit-codes.md."""

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    USAGE = 2
    BAD_INPUT = 3
    NO_SUCH_THING = 4
    CANNOT_REACH = 5
    REFUSED = 6
    BUSY = 7
    DATABASE = 8
    CANNOT_WRITE = 9
    NOT_SET_UP = 10
    FELL_SHORT = 11
    DEFECT = 70

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Exit.DONE: "Done.",
    Exit.USAGE: "The command line is not right.",
    Exit.BAD_INPUT: "A file or a value cannot be used; nothing was changed.",
    Exit.NO_SUCH_THING: "There is no such thing.",
    Exit.CANNOT_REACH: "The database cannot be reached.",
    Exit.REFUSED: "It was refused, or a person said no.",
    Exit.BUSY: "The address is in use by another program.",
    Exit.DATABASE: "The database is newer than this program, or not whole.",
    Exit.CANNOT_WRITE: "The disk is full, or the place may not be written.",
    Exit.NOT_SET_UP: "There is no server in this home; `branchfleet-server init` makes one.",
    Exit.FELL_SHORT: "The server of a load test did not do what a server must.",
    Exit.DEFECT: "This is a defect of the program.",
}
