"""The NCR 5021 protocol: NCR 5021 slip printers, and others in that emulation (Unisys EFP9800 with a serial line).

One question is asked, ESC [ 1, which the printer answers at once whatever it does:

    1B 5B 31 -> 1B 5B ww xx yy zz 70    on-line, idle or busy or jammed, data in the buffer, gap for the form

Source: the Unisys EFP9800 manual, section 8 (3255 4073-002). Recordings: tests/drivers/cases/passbook.

ESC [ 4 reads the count of lines and does not clear it (ESC [ 5 does that), but "unpacked ASCII" leaves open whether the
count is decimal, so it is not asked. Nor is the slip sensor, ESC [ w 01 11: its neighbour 01 13 moves the printer.
"""

from drivers.base import DeviceWord, Reading
from drivers.errors import Garbled, Reason
from drivers.serial_link import Ask, Conversation

ASK_STATUS = b"\x1b[1"
ON_LINE = {0x30: False, 0x31: True}
WORK = {0x30: DeviceWord.ONLINE, 0x31: DeviceWord.DEVICE_BUSY, 0x32: DeviceWord.HARDWARE_ERROR}
GAP = {0x30: "closed", 0x31: "open"}  # the forms compensation assembly, opened by command to let a form in
_SIZE = 7


class Ncr5021:
    def talk(self) -> Conversation[Reading]:
        answer = yield Ask(ASK_STATUS, lambda heard: len(heard) >= _SIZE)
        return read(answer)


def read(answer: bytes) -> Reading:
    """What `1B 5B ww xx yy zz 70` says. Data waiting in the buffer (yy) is no fault, and kept in `raw`."""
    if len(answer) != _SIZE or answer[:2] != ASK_STATUS[:2] or answer[-1:] != b"p":
        raise Garbled(Reason.BAD_FRAME, "the status answer is not ESC [ w x y z p", raw=answer)
    on_line, work, _, gap = answer[2:-1]
    parts = {"shutter": GAP.get(gap, "unknown")}
    device = WORK.get(work, DeviceWord.UNKNOWN)
    if device is DeviceWord.HARDWARE_ERROR:
        parts["document"] = "jammed"
    elif on_line not in ON_LINE:
        device = DeviceWord.UNKNOWN
    elif not ON_LINE[on_line]:
        device = DeviceWord.OFFLINE
    return Reading(device=device, parts=parts, raw={"ESC [ 1": answer})
