"""What the system's print queue knows of a printer while another program holds its port.

On Linux CUPS is asked by IPP at localhost:631, or another print service if `queue` is an "ipp://HOST:PORT/PATH"; on
Windows the spooler. Nothing is printed, nothing reaches the printer.

The queue knows what it was told, no more. So it calls no part well: what it complains of now is said, and every other
part is left out. `queue` is the queue itself: ok, stopped, offline, stuck; "unknown" if it cannot be asked. What was
complained of before and is left out now is thereby taken back, unless `queue` is unknown; what the device itself said
is not. To tell the two apart is the judge's (server/health/judge.py), who remembers when this agent is started again.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urlsplit

from drivers import ipp
from drivers.blocking import Blocking
from drivers.errors import DeviceError

ANSWER_SECONDS = 3.0  # for all that is asked of a queue
STUCK_SECONDS = 600  # a job that waits or prints for longer will not come by itself

# printer-state-reasons (RFC 8011, 5.4.12) and what CUPS adds, without their severity.
REASONS: Mapping[str, tuple[str, str]] = {
    "media-empty": ("paper", "out"),
    "media-needed": ("paper", "out"),
    "media-jam": ("paper", "jammed"),
    "media-low": ("paper", "low"),
    "cover-open": ("cover", "open"),
    "door-open": ("cover", "open"),
    "interlock-open": ("cover", "open"),
    "marker-supply-empty": ("toner", "out"),
    "marker-supply-low": ("toner", "low"),
    "toner-empty": ("toner", "out"),
    "toner-low": ("toner", "low"),
    "output-area-full": ("output", "full"),
    "output-area-almost-full": ("output", "high"),
    "paused": ("queue", "stopped"),
    "shutdown": ("queue", "stopped"),
    "stopped-partly": ("queue", "stopped"),
    "hold-new-jobs": ("queue", "stopped"),
    "offline": ("queue", "offline"),
    "timed-out": ("queue", "offline"),
}
# Where two things are said of one part, the first of these counts.
_GRAVEST = ("stopped", "offline", "stuck", "out", "jammed", "open", "full", "low", "high", "unknown")
_AT_WORK, _STOPPED = (3, 4), 5  # printer-state: idle, processing; stopped
_SEVERITIES = ("-error", "-warning", "-report")
# Reasons that say nothing is wrong. Any other without a severity is an error, says the standard.
NEUTRAL = frozenset(
    (
        "none",
        "connecting-to-device",
        "moving-to-paused",
        "stopping",
        "resuming",
        "identify-printer-requested",
        "cups-waiting-for-job-completed",
        "cups-remote-pending",
        "cups-remote-pending-held",
        "cups-remote-processing",
        "cups-remote-completed",
    )
)


@dataclass(frozen=True)
class Said:
    """What a queue says: the parts it speaks of, and its own words for a log."""

    parts: dict[str, str]
    words: str


class Queue:
    """The print queue of one position."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._service = Blocking("the print service", "queue")

    async def look(self) -> Said:
        """What it says now, ANSWER_SECONDS at most; "unknown" if nothing came by then. Never a DeviceError."""
        try:
            return await self._service.ask(partial(_ask, self._name), ANSWER_SECONDS)
        except DeviceError as error:
            return Said({"queue": "unknown"}, error.detail)


def check_queue(queue: str) -> str:
    """`queue`, or a ValueError that says why it cannot be the name of one."""
    if "://" in queue:
        place = urlsplit(queue)
        sound = queue.isascii() and queue.isprintable() and " " not in queue and (place.port is None or place.port > 0)
        if place.scheme != "ipp" or not place.hostname or not place.path or not sound:
            raise ValueError("a queue is its name, or ipp://HOST:PORT/PATH")
        return queue
    if not queue.isprintable() or len(queue) > 220:
        raise ValueError("that is no name of a print queue")
    return queue


if sys.platform == "win32":
    from drivers import winspool

    def _ask(queue: str) -> Said:
        if "://" in queue:
            return ask_ipp(queue)
        status, attributes, jobs = winspool.ask(queue)
        said = gravest(winspool.said(status, attributes, jobs))
        return Said({"queue": "ok"} | said, f"status {status:#x}, attributes {attributes:#x}")

else:

    def _ask(queue: str) -> Said:
        return ask_ipp(queue if "://" in queue else f"ipp://localhost/printers/{quote(queue, safe='')}")


def ask_ipp(uri: str) -> Said:
    wanted = ["printer-state", "printer-state-reasons", "printer-up-time", "printer-is-accepting-jobs"]
    printer = next(iter(ipp.ask(ipp.GET_PRINTER_ATTRIBUTES, uri, wanted)), {})
    jobs = ipp.ask(ipp.GET_JOBS, uri, ["job-state", "time-at-creation", "time-at-processing"])
    reasons = [reason for reason in printer.get("printer-state-reasons", []) if isinstance(reason, str)]
    return Said(of_printer(printer, reasons, stuck=is_stuck(printer, jobs)), ", ".join(reasons))


def of_printer(printer: ipp.Group, reasons: list[str], *, stuck: bool) -> dict[str, str]:
    """Parts by what was said of a printer. A queue is ok only by a state of idle or processing, and with reasons: a
    service that has none says the reason "none"."""
    state = ipp.number(printer, "printer-state")
    if state == _STOPPED or printer.get("printer-is-accepting-jobs") == [False]:
        reasons = [*reasons, "paused"]
    well = state in _AT_WORK and bool(reasons)
    return {"queue": "ok" if well else "unknown"} | of_reasons(reasons, stuck=stuck)


def of_reasons(reasons: Iterable[str], *, stuck: bool) -> dict[str, str]:
    """Parts by reasons; one that has no part of its own is an alarm, unless it is neutral or a mere report."""
    said = [("queue", "stuck")] if stuck else []
    for reason in reasons:
        severity = next((each for each in _SEVERITIES if reason.endswith(each)), "")
        bare = reason.removesuffix(severity)
        if bare in REASONS:
            said.append(REASONS[bare])
        elif severity != "-report" and bare not in NEUTRAL:
            said.append(("alarm", "present"))
    return gravest(said)


def gravest(said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of each part the gravest word."""
    return dict(sorted(said, key=lambda each: _GRAVEST.index(each[1]) if each[1] in _GRAVEST else 0, reverse=True))


def is_stuck(printer: ipp.Group, jobs: Iterable[ipp.Group]) -> bool:
    """Whether a job stopped, or waits or prints for too long; the service's own clock counts. Held jobs may wait."""
    now = ipp.number(printer, "printer-up-time")
    for job in jobs:
        state = ipp.number(job, "job-state")
        since = ipp.number(job, {3: "time-at-creation", 5: "time-at-processing"}.get(state or 0, ""))
        if state == 6 or (now is not None and since is not None and now - since > STUCK_SECONDS):
            return True
    return False
