"""Prometheus' text format, version 0.0.4."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

MEDIA = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Family:
    """One metric with its samples: (ending of the name, labels, value)."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)


def one(name: str, kind: Literal["counter", "gauge"], help: str, value: float) -> Family:
    return Family(name, kind, help, [("", (), value)])


def each(name: str, kind: Literal["counter", "gauge"], help: str, label: str, values: Mapping[str, float]) -> Family:
    return Family(name, kind, help, [("", ((label, key),), value) for key, value in values.items()])


def histogram(name: str, help: str, bounds: Iterable[float], counts: list[int], total: float) -> Family:
    """`counts` has one more than `bounds`: what was larger than all of them."""
    samples: list[tuple[str, Labels, float]] = []
    so_far = 0
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        so_far += count
        samples.append(("_bucket", (("le", bound),), so_far))
    return Family(name, "histogram", help, [*samples, ("_sum", (), total), ("_count", (), so_far)])


def text(families: Iterable[Family]) -> str:
    lines: list[str] = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for ending, labels, value in family.samples:
            said = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels)
            lines.append(f"{family.name}{ending}{'{' + said + '}' if said else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))
