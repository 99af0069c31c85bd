"""Whether anybody opened a serial port since it was seen to be free, so that its holder is not looked for each time.

inotify(7) tells of every open of a device node, whatever its path. A node that a container made for itself (mknod) is
another one: so this says only whether a port may be opened, and what is sent to it waits for a look of its own.
"""

import ctypes
import os
import sys
import weakref

if sys.platform == "win32":
    raise ImportError("Windows refuses a second opener of a port by itself")

_IN_OPEN = 0x20
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK  # IN_CLOEXEC and IN_NONBLOCK are the same
_ROOM = 4096  # bytes; alike events in a row are told once, so there are never many


class Watch:
    """Of one port. Where the system has no watch to give, a port is never known to be left alone."""

    def __init__(self) -> None:
        self._events = -1  # where they are read
        self._watched = False
        self._node: tuple[int, ...] = ()  # that was seen to be free

    def begin(self, port: str) -> None:
        """From now on opens count. To be said while nobody else can open the port."""
        self._node, self._watched = (), False
        libc = ctypes.CDLL(None)
        if not hasattr(libc, "inotify_init1"):
            return  # not Linux
        if self._events == -1 and (events := int(libc.inotify_init1(_FLAGS))) != -1:
            self._events = events
            weakref.finalize(self, os.close, events)
        # The watch it has already, where the node is still the same.
        self._watched = libc.inotify_add_watch(self._events, os.fsencode(port), _IN_OPEN) != -1
        while self._watched and self._heard():
            pass

    def free(self, device: os.stat_result) -> None:
        """A look after `begin` found that nobody has the port, whose status is `device`."""
        self._node = _node(device) if self._watched else ()

    def left_alone(self, device: os.stat_result) -> bool:
        """Whether this is the node that was free, and nobody opened it since."""
        if not self._node or self._node != _node(device) or self._heard():
            self._node = ()
        return bool(self._node)

    def _heard(self) -> bool:
        """An open; or that events were lost, or that the node is gone."""
        try:
            return bool(os.read(self._events, _ROOM))
        except BlockingIOError:
            return False


def _node(device: os.stat_result) -> tuple[int, ...]:
    return device.st_dev, device.st_ino, device.st_rdev
