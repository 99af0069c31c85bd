"""Programs whose clocks run fast (agent, server, simulators and whoever watches, by one and the same clock), and
programs whose disk is slow: both by a small library that is preloaded."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

INSTALL = "apt-get install -y gcc libc6-dev"
HERE = Path(__file__).parent


def missing() -> str:
    if sys.platform != "linux" or shutil.which("gcc") is None:
        return f"a fast clock needs Linux and: {INSTALL}"
    return ""


def environment(folder: Path, speed: int) -> dict[str, str]:
    """What makes a program's clocks run `speed` times as fast from now on; `folder` gets the library."""
    wall = time.time_ns()
    return {
        "LD_PRELOAD": build("fast_clock.c", folder),
        "FAST_CLOCK": str(speed),
        "FAST_CLOCK_WALL": str(wall),
        "FAST_CLOCK_APART": str(wall - time.clock_gettime_ns(time.CLOCK_MONOTONIC)),
    }


def slow_disk(folder: Path, milliseconds: int) -> dict[str, str]:
    """What makes a program's disk slow: an fdatasync takes `milliseconds` longer."""
    return {"LD_PRELOAD": build("slow_disk.c", folder), "SLOW_DISK": str(milliseconds)}


def build(source: str, folder: Path) -> str:
    """The path of a library to preload, made in `folder`."""
    library = str(folder / source.replace(".c", ".so"))
    words = ["gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o", library, str(HERE / source), "-ldl"]
    subprocess.run(words, check=True)
    return library


def again(folder: Path, speed: int, words: list[str]) -> int:
    """Run `python -m tests.faults WORDS` by a fast clock, to its end."""
    program = [sys.executable, "-m", "tests.faults", *words]
    return subprocess.run(program, env={**os.environ, **environment(folder, speed)}, check=False).returncode


def is_fast() -> bool:
    return "FAST_CLOCK" in os.environ
