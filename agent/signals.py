"""How a system says that a program shall end: signals, and on Windows also its console's events.

The agent must hear it, because its goodbye is what tells a PC that was switched off from one that lost its power.
"""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GRACE_SECONDS = 12.0  # Windows ends the process once its handler returns; a goodbye takes no longer

Ask = Callable[[str], object]  # called with the name of what came, in the loop's thread


@contextmanager
def ended_by_signals(loop: asyncio.AbstractEventLoop, ask: Ask) -> Iterator[None]:
    """Within the block SIGTERM, Ctrl-C, Ctrl-Break and the end of a Windows session call `ask`."""
    before = {}
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.getsignal(number)
            # Not loop.add_signal_handler: Windows' loops have none.
            signal.signal(number, lambda *_, name=name: loop.call_soon_threadsafe(ask, name))
    done = threading.Event()
    forget = _on_console_events(lambda name: loop.call_soon_threadsafe(ask, name), done)
    try:
        yield
    finally:
        done.set()
        forget()
        for number, handler in before.items():
            signal.signal(number, handler)


def _on_console_events(heard: Ask, done: threading.Event) -> Callable[[], None]:
    """On Windows, hear the console's window closing, the user logging off and the PC shutting down."""
    if sys.platform != "win32":
        return lambda: None
    import ctypes

    names = {2: "CTRL_CLOSE", 5: "CTRL_LOGOFF", 6: "CTRL_SHUTDOWN"}

    def hear(event: int) -> int:
        if event not in names:
            return 0  # Python's own handler makes signals of the others
        heard(names[event])
        done.wait(GRACE_SECONDS)
        return 1

    handler = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint32)(hear)  # must live as long as Windows may call it
    ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, 1)
    return lambda: ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, 0)
