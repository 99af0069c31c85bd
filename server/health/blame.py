"""Whose fault a silence is: the line's, the mains', or the device's own. Needs no configuration.

The evidence is gathered in the branch's row as it comes: the words of its lines (probed from elsewhere) and of
everything that has a `power` part.
"""

import msgspec

from server.health.state import MINUTE, Around, Evidence, Place, State, Watch
from server.inventory.tables import SubjectKind

POWER_MEMORY = 240 * MINUTE  # a UPS that fell silent on battery explains silence for as long as a battery may last


def blame(place: Place, state: State, around: Around, at: int) -> tuple[str, int | None] | None:
    """The cause and the subject that explains why nothing is heard of `place`; None: look at itself."""
    power = _on_battery(around.evidence, place.id, at)
    if power is not None:
        return "power", power
    if place.kind is SubjectKind.LINE:
        return None
    line = _line_down(around.evidence, at)
    if line is None:
        return None
    if place.kind is SubjectKind.AGENT or _seen_from_outside(place, state, around):
        return "line", line
    return None


def quiet_since(place: Place, state: State, around: Around) -> int:
    """When nothing explained silence here any more: a device has from then on to answer again."""
    evidence = around.evidence
    if _seen_from_outside(place, state, around):
        return max(evidence.cut_ended, evidence.power_ended)
    return evidence.power_ended


def _seen_from_outside(place: Place, state: State, around: Around) -> bool:
    """Every view that has no answer comes from another branch, over the line."""
    voices = [around.voices.get(int(agent)) for agent, view in state.views.items() if not view.answered]
    return bool(voices) and all(voice is not None and voice.branch != place.branch for voice in voices)


def _line_down(evidence: Evidence, at: int) -> int | None:
    """The first line of a branch whose lines are all down, by fresh evidence. Not known is not down."""
    fresh = {int(line): watch for line, watch in evidence.lines.items() if watch.fresh_until >= at}
    if not fresh or not all(watch.bad for watch in fresh.values()):
        return None
    return min(fresh, key=lambda line: (fresh[line].since, line))


def _on_battery(evidence: Evidence, but: int, at: int) -> int | None:
    bad = {
        int(supply): watch
        for supply, watch in evidence.power.items()
        if watch.bad and int(supply) != but and watch.fresh_until + POWER_MEMORY >= at
    }
    return min(bad, key=lambda supply: (bad[supply].since, supply)) if bad else None


def note_line(evidence: Evidence, line: int, bad: bool, at: int, fresh_until: int) -> Evidence:
    """`evidence` with what was just seen of one line."""
    lines = _noted(evidence.lines, line, bad, at, fresh_until)
    was_cut = bool(evidence.lines) and all(watch.bad for watch in evidence.lines.values())
    cut_ended = at if was_cut and not bad else evidence.cut_ended
    return msgspec.structs.replace(evidence, lines=lines, cut_ended=cut_ended)


def note_power(evidence: Evidence, supply: int, bad: bool, at: int, fresh_until: int) -> Evidence:
    """`evidence` with what was just seen of one supply."""
    power = _noted(evidence.power, supply, bad, at, fresh_until)
    was_bad = any(watch.bad for watch in evidence.power.values())
    ended = at if was_bad and not any(watch.bad for watch in power.values()) else evidence.power_ended
    return msgspec.structs.replace(evidence, power=power, power_ended=ended)


def _noted(known: dict[str, Watch], subject: int, bad: bool, at: int, fresh_until: int) -> dict[str, Watch]:
    before = known.get(str(subject))
    since = before.since if before is not None and before.bad == bad else at
    return {**known, str(subject): Watch(bad, since, fresh_until)}
