"""A serial port of this machine that leaves the lines alone and is not opened while another program holds it.

On Linux it is locked, looked over and only then set, and put back as it was when it is closed.
"""

import sys
import time
from contextlib import suppress
from typing import Any, Self

import serial

from drivers.errors import Busy, DeviceError, Reason, Refused

_DRAIN_SECONDS = 0.05

if sys.platform == "win32":
    from serial import win32

    class Watches:
        """There is nothing to watch: every opener is alone."""

        @classmethod
        async def start(cls) -> Self:
            return cls()

        async def close(self) -> None: ...

    async def let_go(port: str, *, strict: bool) -> bool:
        """False. To see whether a port is free is to open it here, and a program that opens it then is refused."""
        return False

    async def plugged_in(port: str) -> bool:
        return False

    class LocalPort(serial.Serial):
        """On Windows the settings of a port are written whole: the lines get what they were set to."""

        def __init__(self, watches: Watches | None, *, strict: bool) -> None:
            super().__init__()

        def _reconfigure_port(self) -> None:
            import ctypes

            was = win32.DCB()
            if win32.GetCommState(self._port_handle, ctypes.byref(was)):  # type: ignore[attr-defined]
                self._dtr_state = was.fDtrControl != 0  # DTR_CONTROL_DISABLE
                self._rts_state = was.fRtsControl != 0  # RTS_CONTROL_DISABLE
            super()._reconfigure_port()  # type: ignore[misc]

else:
    import fcntl
    import os
    import termios

    from drivers import serial_owner
    from drivers.serial_watch import Watches as Watches

    let_go, plugged_in = serial_owner.let_go, serial_owner.plugged_in

    class LocalPort(serial.Serial):
        """`watches` know it from one opening to the next."""

        def __init__(self, watches: Watches | None, *, strict: bool) -> None:
            super().__init__()
            self._watches = watches
            self._strict = strict
            self._was: list[Any] | None = None

        def open(self) -> None:
            name = str(self.port)
            with suppress(FileNotFoundError):  # the open itself says what that means
                device = os.stat(name)
                known = self._watches is not None and self._watches.left_alone(name, device)
                if not known or serial_owner.locked_by(name):
                    self._refuse_if_owned(name, device)
            super().open()

        def _update_dtr_state(self) -> None:
            """Left alone."""

        def _update_rts_state(self) -> None:
            """Left alone."""

        def _reconfigure_port(self, force_update: bool = False) -> None:
            """pyserial calls this first, before it changes anything; force_update says the port was just opened."""
            if self._was is None:
                self._claim()
                try:
                    self._was = termios.tcgetattr(self._number)
                except termios.error as error:
                    raise OSError(*error.args) from error
            super()._reconfigure_port(force_update)  # type: ignore[misc]

        def _claim(self) -> None:
            number, name = self._number, str(self.port)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(Reason.PORT_IN_USE, f"another program has {name} locked") from None
            # From here on nobody new can open it, so whoever is found now is all there is to find.
            fcntl.ioctl(number, termios.TIOCEXCL)
            if self._watches is not None:
                self._watches.begin(name)
            try:
                device = os.fstat(number)
                self._refuse_if_owned(name, device)
                if self._watches is not None:
                    self._watches.free(name, device)
            except DeviceError:
                fcntl.ioctl(number, termios.TIOCNXCL)
                raise

        def _refuse_if_owned(self, name: str, device: os.stat_result) -> None:
            found = serial_owner.look(name, device)
            if found.holder is not None:
                raise Busy(Reason.PORT_IN_USE, f"{found.holder} holds {name}")
            if found.unseen and self._strict:
                raise Refused(
                    Reason.OWNER_UNKNOWN,
                    f"it cannot be known whether a program holds {name}, so nothing was sent; run the agent with "
                    'CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or say owner_check = "trust" for this position',
                )

        @property
        def _number(self) -> int:
            if self.fd is None:
                raise serial.PortNotOpenError
            return self.fd

        def close(self) -> None:
            if self.is_open and self._was is not None:
                with suppress(OSError, termios.error):  # the port may be gone
                    self._put_back(self._was)
                self._was = None
            super().close()

        def _put_back(self, was: list[Any]) -> None:
            # Closing waits up to 30 s (tty_port_close) for bytes that flow control holds back: those are dropped.
            end = time.monotonic() + _DRAIN_SECONDS
            while self.out_waiting and time.monotonic() < end:
                time.sleep(0.002)
            if self.out_waiting:
                termios.tcflush(self._number, termios.TCOFLUSH)
            # Speed and framing only. Putting ECHO back would send a late answer back to the device.
            now = termios.tcgetattr(self._number)
            now[2], now[4], now[5] = was[2], was[4], was[5]
            termios.tcsetattr(self._number, termios.TCSANOW, now)
            fcntl.ioctl(self._number, termios.TIOCNXCL)
