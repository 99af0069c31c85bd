"""What the `branchfleet` command ends with. The numbers are an API: docs/exit-codes.md."""

from enum import IntEnum

from tui.texts import N_, _


class Exit(IntEnum):
    DONE = 0
    USAGE = 2
    BAD_FILE = 3
    NO_SUCH_THING = 4
    AWAY = 5
    REFUSED = 6
    BUSY = 7
    CANNOT_WRITE = 9
    NOT_SET_UP = 10
    NOT_ALL = 12
    DEFECT = 70
    STOPPED = 130

    @property
    def sentence(self) -> str:
        return _(
            {
                Exit.DONE: N_("Done."),
                Exit.USAGE: N_("The command line is not right."),
                Exit.BAD_FILE: N_("A settings file cannot be used."),
                Exit.NO_SUCH_THING: N_("There is no such thing."),
                Exit.AWAY: N_("The server cannot be reached."),
                Exit.REFUSED: N_("The server refused."),
                Exit.BUSY: N_("The port is in use."),
                Exit.CANNOT_WRITE: N_("The file cannot be written."),
                Exit.NOT_SET_UP: N_("Nobody is signed in here."),
                Exit.NOT_ALL: N_("Not every order was carried out."),
                Exit.DEFECT: N_("This is a defect of the program."),
                Exit.STOPPED: N_("Stopped; the orders go on."),
            }[self]
        )
