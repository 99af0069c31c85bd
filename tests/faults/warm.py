"""Starts one of our programs again and again, loading its code once: `python -m tests.faults.warm MODULE...`.

It loads the modules, then forks for each line of JSON on its stdin, {"arguments": [...], "log": PATH}, and the child
calls `main(arguments)` of the first module as the command does. The child's pid goes to stdout. A start takes 0.3 s
instead of many on a busy machine, which is what makes two hundred of them bearable.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tui.demo.processes import module


class Forked:
    """A process that is not our child. It has a process group of its own."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return -1
        return None

    def wait(self, timeout: float = 60.0) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise TimeoutError(f"process {self.pid} did not end")
            time.sleep(0.002)
        return -1


class Warm:
    """A program whose code is loaded. Closing it ends no child."""

    def __init__(self, *modules: str, environment: dict[str, str]) -> None:
        words = [*module("tests.faults.warm"), *modules]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **environment}
        )

    def start(self, arguments: list[str], log: Path) -> Forked:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"arguments": arguments, "log": str(log)}).encode() + b"\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


def main(modules: list[str]) -> None:
    loaded = [importlib.import_module(name) for name in modules]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: the kernel clears them away
    while line := sys.stdin.readline():
        said = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(loaded[0].main, said["arguments"], said["log"])
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(program: object, arguments: list[str], log: str) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, (path, flags) in enumerate(((os.devnull, os.O_RDONLY), (log, os.O_WRONLY | os.O_APPEND | os.O_CREAT))):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
    os.dup2(1, 2)
    assert callable(program)
    program(arguments)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
