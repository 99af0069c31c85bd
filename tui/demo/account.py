"""What the simulators showed, against what the server holds: the difference is lost."""

import json
from collections.abc import Iterable
from pathlib import Path

from server.schemas.observations import ObservationOut

Shown = tuple[str, dict[str, str]]


def shown(log: Path) -> list[Shown]:
    """Each change a simulator told a driver of: (subject, its parts then). The log is one JSON object a line."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    said = (json.loads(line) for line in lines)
    return [(one["name"], one["showed"]) for one in said]


def lost(told: Iterable[Shown], held: Iterable[ObservationOut]) -> list[Shown]:
    """What was told and not held. The changes of a subject must be found among its observations in the same order."""
    observed: dict[str, list[dict[str, str]]] = {}
    for observation in sorted(held, key=lambda one: one.at):
        observed.setdefault(observation.subject, []).append(observation.parts)
    reached: dict[str, int] = {}
    missing = []
    for subject, parts in told:
        of_subject = observed.get(subject, [])
        for place in range(reached.get(subject, 0), len(of_subject)):
            if parts.items() <= of_subject[place].items():
                reached[subject] = place + 1
                break
        else:
            missing.append((subject, parts))
    return missing
