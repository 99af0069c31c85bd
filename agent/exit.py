"""What the exit code of `branchfleet-agent` says. Scripts rely on these numbers."""

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    USAGE = 2
    BAD_INPUT = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    REFUSED = 6
    BUSY = 7
    SPOOL_UNUSABLE = 8
    CANNOT_WRITE = 9
    NOT_SET_UP = 10
    UNREADABLE = 11
    UNWELL = 12
    DEFECT = 70
    STOPPED = 130

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]

    @property
    def zh(self) -> str:
        return _CHINESE[self]


_SENTENCES = {
    Exit.DONE: "Done.",
    Exit.USAGE: "The command line is wrong.",
    Exit.BAD_INPUT: "A file or setting that was read is wrong.",
    Exit.NOT_FOUND: "There is no such position, branch or simulator.",
    Exit.UNREACHABLE: "The device, or the server, does not answer.",
    Exit.REFUSED: "The device, or the server, refused, or it must not be asked; the reason is said above.",
    Exit.BUSY: "The port or the spool is in use by another program.",
    Exit.SPOOL_UNUSABLE: "The spool was written by a newer version.",
    Exit.CANNOT_WRITE: "The agent's folder or the output cannot be written, or the disk is full.",
    Exit.NOT_SET_UP: "The agent is not set up: it has no key, or no assignment.",
    Exit.UNREADABLE: "The device answered, but not with anything this driver can read.",
    Exit.UNWELL: "Not everything is well, or not everything could be seen.",
    Exit.DEFECT: "A defect of the program.",
    Exit.STOPPED: "It was stopped by a person before it was done.",
}

_CHINESE = {
    Exit.DONE: "完成。",
    Exit.USAGE: "命令行不对。",
    Exit.BAD_INPUT: "读到的文件或设置不对。",
    Exit.NOT_FOUND: "没有这个点位、机构或模拟器。",
    Exit.UNREACHABLE: "设备或服务器没有应答。",
    Exit.REFUSED: "设备或服务器拒绝了，或不能问它；原因见上。",
    Exit.BUSY: "端口或缓存正被别的程序使用。",
    Exit.SPOOL_UNUSABLE: "缓存是更新的版本写的。",
    Exit.CANNOT_WRITE: "采集程序的文件夹或输出写不进去，或磁盘已满。",
    Exit.NOT_SET_UP: "采集程序还没有设置好：没有密钥，或没有分配。",
    Exit.UNREADABLE: "设备有应答，但这个驱动看不懂。",
    Exit.UNWELL: "不是样样正常，或不是样样看得到。",
    Exit.DEFECT: "程序自身有缺陷。",
    Exit.STOPPED: "没做完就被人停止了。",
}


class Trouble(Exception):
    """What stops a command: one sentence for the person, in Chinese too where a branch meets it, and the exit code."""

    def __init__(self, code: Exit, sentence: str, zh: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.zh = zh or sentence
