"""What is wrong with the clock of an agent's PC, by what its records say. Pure.

The wall clock is compared with corrected time, and what is unsure about that counts for the clock: a condition opens
only beyond it and closes only within it. Between the two nothing is said.
"""

import msgspec

OFF = "clock.off"
ZONE = "clock.zone"
JUMPS = "clock.jumps"
BATTERY = "clock.battery"

SECOND = 1_000_000  # µs
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
LIMIT = 5 * MINUTE  # a clock further off is wrong
BACK = 4 * MINUTE  # and one this near is right again
HALF_HOUR = 30 * MINUTE  # what zones differ by
ZONES = (-6 * HOUR, 20 * HOUR)  # how fast a clock is that shows Beijing's time in the zones UTC+14 to UTC-12
BY_HAND = 2 * MINUTE  # how well people set a clock by another
JUMP = 10 * SECOND
SLEW = 500  # µs a second that a time service may push a clock without a jump
HALF_YEAR = 183 * 24 * HOUR
NIGHT = 4 * HOUR  # without power for so long, a good battery has shown that it is one
STARTING = 30 * MINUTE  # since boot; later somebody may have set the clock before the first record


class Stamp(msgspec.Struct, frozen=True):
    """One record's clocks, and the corrected time it got for them, ± `confidence`."""

    wall: int
    boot: int
    boot_id: str
    at: int
    confidence: int

    @property
    def off(self) -> int:
        """µs the wall clock is ahead."""
        return self.wall - self.at


def wrongs(before: Stamp | None, stamp: Stamp) -> dict[str, str]:
    """By rule: what is wrong in a word, or "" where it is right. A rule that cannot be told is left out."""
    said = {**_off(stamp), JUMPS: _jump(before, stamp)}
    if before is None or before.boot_id != stamp.boot_id:
        said |= _start(before, stamp)
    return said


def _off(stamp: Stamp) -> dict[str, str]:
    """The zone is wrong, where that explains it; else the clock."""
    off, unsure = stamp.off, stamp.confidence
    if abs(off) + unsure < BACK:
        return {OFF: "", ZONE: ""}
    if abs(off) - unsure <= LIMIT:
        return {}
    rest = _beside_zone(off)
    if rest + unsure <= BY_HAND:
        return {OFF: "", ZONE: f"{round(off / HALF_HOUR) / 2:+g} h"}
    if rest - unsure > BY_HAND:
        return {OFF: "fast" if off > 0 else "slow", ZONE: ""}
    return {}


def _beside_zone(off: int) -> int:
    """µs by which `off` misses the nearest whole or half hour a wrong zone can make; without one, all of it."""
    nearest = round(off / HALF_HOUR) * HALF_HOUR
    return abs(off - nearest) if nearest and ZONES[0] <= nearest <= ZONES[1] else abs(off)


def _jump(before: Stamp | None, stamp: Stamp) -> str:
    """The wall clock left the boot clock, and not for the better: who sets a clock right makes it jump too."""
    if before is None or before.boot_id != stamp.boot_id:
        return ""
    passed = stamp.boot - before.boot
    moved = stamp.wall - before.wall - passed
    if passed < 0 or abs(moved) <= JUMP + passed * SLEW // SECOND or abs(stamp.off) <= abs(before.off) + JUMP // 2:
        return ""
    return "forward" if moved > 0 else "back"


def _start(before: Stamp | None, stamp: Stamp) -> dict[str, str]:
    """The first record of a boot: whether the clock went on while the PC was off.

    A flat battery begins at 2000, 2099 or whatever the maker chose, or goes on where it stopped. A clock that is as
    wrong as it was before kept its time; it was only never set.
    """
    off, unsure = stamp.off, stamp.confidence
    if before is None:
        return {BATTERY: "lost"} if abs(off) - unsure > HALF_YEAR else {}
    lost = abs(off - before.off) - unsure - before.confidence > HOUR
    if lost and abs(off) - unsure > HOUR and _beside_zone(off) - unsure > BY_HAND:
        return {BATTERY: "lost"}
    slept = stamp.at - stamp.boot - before.at - unsure - before.confidence
    if abs(off) + unsure < LIMIT and slept >= NIGHT and stamp.boot < STARTING:
        return {BATTERY: ""}
    return {}
