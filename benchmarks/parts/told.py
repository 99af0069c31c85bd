"""The figures of several runs: each rate with how busy the machine was, and the medians."""

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.parts.place import filesystem


def show(name: str, folder: Path, runs: list[dict[str, Any]]) -> None:
    """`runs`: with `values_a_second`, and `before` in words."""
    print(f"{name} on {filesystem(folder)}:")
    for one in runs:
        print(f"  {one['values_a_second']} values a second; before it {one['before']}")
    print(f"medians of {len(runs)}:", json.dumps(medians(runs), indent=1), flush=True)


def medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Of what is a number in every run."""
    numbers = [key for key in runs[0] if all(isinstance(one[key], int | float) for one in runs)]
    return {key: round(statistics.median(one[key] for one in runs), 2) for key in numbers}
