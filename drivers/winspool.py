"""The print spooler of Windows: the status of a queue and of its jobs (winspool.drv). Never run yet, only type-checked.

PRINTER_STATUS_*, PRINTER_ATTRIBUTE_* and JOB_STATUS_* are those of winspool.h. A queue of a serial printer mostly knows
no more than whether it is paused and whether a job failed.
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
    0x800000: ("queue", "unknown"),  # SERVER_UNKNOWN
    0x2000000: ("queue", "offline"),  # SERVER_OFFLINE
}
ALARMS = 0x2 | 0x40 | 0x100000 | 0x200000  # ERROR, PAPER_PROBLEM, USER_INTERVENTION, OUT_OF_MEMORY
WORK_OFFLINE = 0x400  # PRINTER_ATTRIBUTE_WORK_OFFLINE: a person chose "use printer off line"
JOB: Mapping[int, tuple[str, str]] = {
    0x2: ("queue", "stuck"),  # ERROR
    0x20: ("queue", "offline"),  # OFFLINE
    0x40: ("paper", "out"),  # PAPEROUT
    0x200: ("queue", "stuck"),  # BLOCKED_DEVQ
    0x400: ("queue", "stuck"),  # USER_INTERVENTION
}


def said(status: int, attributes: int, jobs: Iterable[int]) -> list[tuple[str, str]]:
    """Parts and words by the status and the attributes of the queue and the status of each of its jobs."""
    told = [word for bit, word in PRINTER.items() if status & bit]
    told += [("queue", "offline")] if attributes & WORK_OFFLINE else []
    told += [word for job in jobs for bit, word in JOB.items() if job & bit]
    return [*told, ("alarm", "present")] if status & ALARMS else told


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _JOBS = 100  # looked at, from the first

    class _PrinterInfo2(ctypes.Structure):
        _fields_ = (
            ("server", wintypes.LPWSTR),
            ("name", wintypes.LPWSTR),
            ("share", wintypes.LPWSTR),
            ("port", wintypes.LPWSTR),
            ("driver", wintypes.LPWSTR),
            ("comment", wintypes.LPWSTR),
            ("location", wintypes.LPWSTR),
            ("mode", wintypes.LPVOID),
            ("separator", wintypes.LPWSTR),
            ("processor", wintypes.LPWSTR),
            ("datatype", wintypes.LPWSTR),
            ("parameters", wintypes.LPWSTR),
            ("security", wintypes.LPVOID),
            ("attributes", wintypes.DWORD),
            ("priority", wintypes.DWORD),
            ("default_priority", wintypes.DWORD),
            ("start", wintypes.DWORD),
            ("until", wintypes.DWORD),
            ("status", wintypes.DWORD),
            ("jobs", wintypes.DWORD),
            ("pages_per_minute", wintypes.DWORD),
        )

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

    def ask(queue: str) -> tuple[int, int, list[int]]:
        """Status and attributes of a queue, and the status of its jobs; NotSupported if Windows has no such queue."""
        spool = ctypes.WinDLL("winspool.drv", use_last_error=True)
        handle = wintypes.HANDLE()
        if not spool.OpenPrinterW(ctypes.c_wchar_p(queue), ctypes.byref(handle), None):
            raise _refused(queue)
        try:
            return *_printer(spool, handle, queue), _jobs(spool, handle, queue)
        finally:
            spool.ClosePrinter(handle)

    def _printer(spool: ctypes.WinDLL, handle: wintypes.HANDLE, queue: str) -> tuple[int, int]:
        needed = wintypes.DWORD()
        spool.GetPrinterW(handle, 2, None, 0, ctypes.byref(needed))  # says how much room it needs
        room = ctypes.create_string_buffer(max(needed.value, ctypes.sizeof(_PrinterInfo2)))
        if not spool.GetPrinterW(handle, 2, room, len(room), ctypes.byref(needed)):
            raise _refused(queue)
        info = _PrinterInfo2.from_buffer(room)
        return int(info.status), int(info.attributes)

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
