"""Whether anybody opened a serial port since it was seen to be free, so that its holder is not looked for each time.

inotify(7) tells of every open of a device node, whatever its path. A node that a container made for itself (mknod) is
another one: so this says only whether a port may be opened, and what is sent to it waits for a look of its own.
"""

import ctypes
import os
import struct
import sys
import threading
from contextlib import suppress
from typing import NamedTuple, Self

if sys.platform == "win32":
    raise ImportError("Windows refuses a second opener of a port by itself")

_IN_OPEN = 0x20
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK  # IN_CLOEXEC and IN_NONBLOCK are the same
_EVENT = struct.Struct("iIII")  # watch, mask, cookie and length of a name; the open of a watched file has no name
_ROOM = 256 * _EVENT.size
_LOST = -1  # the watch of the event that says that others were lost


class _Free(NamedTuple):
    """A port nobody had: its device node, and the watch on that."""

    node: tuple[int, ...]
    watch: int


class Watches:
    """Of all ports of one agent; `Shared` makes and closes it. Where the system has none to give, no port is ever known
    to be left alone. Called from the threads in which ports are opened."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._watched: dict[str, int] = {}  # port -> its watch
        self._free: dict[str, _Free] = {}
        self._libc = ctypes.CDLL(None)
        begin = getattr(self._libc, "inotify_init1", None)  # None: not Linux
        self._events: int = begin(_FLAGS) if begin is not None else -1

    @classmethod
    async def start(cls) -> Self:
        return cls()

    async def close(self) -> None:
        with self._turn:
            self._free.clear()
            events, self._events = self._events, -1
        if events != -1:
            os.close(events)

    def begin(self, port: str) -> None:
        """From now on opens of `port` count. To be said while nobody else can open it."""
        with self._turn:
            if self._events != -1:
                # Where the node is still the same, this gives the watch that is there.
                self._watched[port] = self._libc.inotify_add_watch(self._events, os.fsencode(port), _IN_OPEN)
            self._hear()
            self._free.pop(port, None)

    def free(self, port: str, device: os.stat_result) -> None:
        """A look after `begin` found that nobody has `port`, whose status is `device`."""
        with self._turn:
            if (watch := self._watched.get(port, -1)) != -1:
                self._free[port] = _Free(_node(device), watch)

    def left_alone(self, port: str, device: os.stat_result) -> bool:
        """Whether this is the node that was free, and nobody opened it since."""
        with self._turn:
            self._hear()
            free = self._free.get(port)
            return free is not None and free.node == _node(device)

    def _hear(self) -> None:
        """Nothing more is known of a port that was opened; nor of any, if events were lost."""
        told: set[int] = set()
        with suppress(BlockingIOError):
            while self._events != -1:
                told.update(watch for watch, *_ in _EVENT.iter_unpack(os.read(self._events, _ROOM)))
        for port, free in list(self._free.items()):
            if free.watch in told or _LOST in told:
                del self._free[port]


def _node(device: os.stat_result) -> tuple[int, ...]:
    return device.st_dev, device.st_ino, device.st_rdev
