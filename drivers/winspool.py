"""The print spooler of Windows: the status of a queue and of its jobs (winspool.drv). Never run yet, only type-checked.

PRINTER_STATUS_* and JOB_STATUS_* are those of winspool.h. A queue of a serial printer mostly knows no more than whether
it is paused and whether a job failed.
"""

import sys
from collections.abc import Iterable, Mapping

from drivers.errors import NotSupported, Reason

PRINTER: Mapping[int, tuple[str, str]] = {
    0x1: ("queue", "stopped"),  # PAUSED
    0x8: ("paper", "jammed"),  # PAPER_JAM
    0x10: ("paper", "out"),  # PAPER_OUT
    0x80: ("queue", "offline"),  # OFFLINE
    0x800: ("output", "full"),  # OUTPUT_BIN_FULL
    0x1000: ("queue", "offline"),  # NOT_AVAILABLE
    0x20000: ("toner", "low"),  # TONER_LOW
    0x40000: ("toner", "out"),  # NO_TONER
    0x400000: ("cover", "open"),  # DOOR_OPEN
}
ALARMS = 0x2 | 0x40 | 0x100000 | 0x200000  # ERROR, PAPER_PROBLEM, USER_INTERVENTION, OUT_OF_MEMORY
JOB: Mapping[int, tuple[str, str]] = {
    0x2: ("queue", "stuck"),  # ERROR
    0x20: ("queue", "offline"),  # OFFLINE
    0x40: ("paper", "out"),  # PAPEROUT
    0x200: ("queue", "stuck"),  # BLOCKED_DEVQ
    0x400: ("queue", "stuck"),  # USER_INTERVENTION
}


def said(status: int, jobs: Iterable[int]) -> list[tuple[str, str]]:
    """Parts and words by the status of the queue and of each of its jobs."""
    told = [word for bit, word in PRINTER.items() if status & bit]
    told += [word for job in jobs for bit, word in JOB.items() if job & bit]
    return [*told, ("alarm", "present")] if status & ALARMS else told


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _JOBS = 100  # looked at, from the first

    class _PrinterInfo6(ctypes.Structure):
        _fields_ = (("status", wintypes.DWORD),)

    class _JobInfo1(ctypes.Structure):
        _fields_ = (
            ("id", wintypes.DWORD),
            ("printer", wintypes.LPWSTR),
            ("machine", wintypes.LPWSTR),
            ("user", wintypes.LPWSTR),
            ("document", wintypes.LPWSTR),
            ("datatype", wintypes.LPWSTR),
            ("status_text", wintypes.LPWSTR),
            ("status", wintypes.DWORD),
            ("priority", wintypes.DWORD),
            ("position", wintypes.DWORD),
            ("pages", wintypes.DWORD),
            ("printed", wintypes.DWORD),
            ("submitted", wintypes.WORD * 8),  # SYSTEMTIME
        )

    def ask(queue: str) -> tuple[int, list[int]]:
        """The status of a queue and of its jobs; NotSupported if Windows has no such queue."""
        spool = ctypes.WinDLL("winspool.drv", use_last_error=True)
        handle = wintypes.HANDLE()
        if not spool.OpenPrinterW(ctypes.c_wchar_p(queue), ctypes.byref(handle), None):
            raise _refused(queue)
        try:
            return _status(spool, handle, queue), _jobs(spool, handle, queue)
        finally:
            spool.ClosePrinter(handle)

    def _status(spool: ctypes.WinDLL, handle: wintypes.HANDLE, queue: str) -> int:
        info, needed = _PrinterInfo6(), wintypes.DWORD()
        if not spool.GetPrinterW(handle, 6, ctypes.byref(info), ctypes.sizeof(info), ctypes.byref(needed)):
            raise _refused(queue)
        return int(info.status)

    def _jobs(spool: ctypes.WinDLL, handle: wintypes.HANDLE, queue: str) -> list[int]:
        needed, count = wintypes.DWORD(), wintypes.DWORD()
        sizes = ctypes.byref(needed), ctypes.byref(count)
        spool.EnumJobsW(handle, 0, _JOBS, 1, None, 0, *sizes)  # says how much room it needs
        if not needed.value:
            return []
        room = ctypes.create_string_buffer(needed.value)
        if not spool.EnumJobsW(handle, 0, _JOBS, 1, room, needed.value, *sizes):
            raise _refused(queue)
        found = ctypes.cast(room, ctypes.POINTER(_JobInfo1))
        return [int(found[place].status) for place in range(count.value)]

    def _refused(queue: str) -> NotSupported:
        code = ctypes.get_last_error()
        return NotSupported(Reason.NOT_IN_DEVICE, f"the Windows spooler does not tell of {queue!r} (error {code})")
