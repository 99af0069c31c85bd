"""The programs the demo starts, each as a person would, with its narration in a file of the home."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

STOP_SECONDS = 10.0


class DidNotWork(Exception):
    """A program the demo needs ended with an error; the text says which, and where its narration lies."""


def command(name: str) -> str:
    """How to start one of our own commands: the script beside this Python."""
    script = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if script is None:
        raise DidNotWork(f"{name} is not installed beside {sys.executable}")
    return script


def module(name: str) -> list[str]:
    """How to start a module that is a program."""
    return [sys.executable, "-m", name]


class Programs:
    """Started programs, ended in the opposite order."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._logs = home / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._environment = {**os.environ, **environment}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._files: list[IO[bytes]] = []
        self._ended = False

    def say(self, *words: str, stdin: str = "") -> str:
        """Run a command to its end and give what it printed."""
        ran = subprocess.run(
            [command(words[0]), *words[1:]],
            input=stdin.encode(),
            capture_output=True,
            env=self._environment,
            check=False,
        )
        if ran.returncode != 0:
            raise DidNotWork(f"{' '.join(words)}: {ran.stderr.decode(errors='replace').strip()}")
        return ran.stdout.decode()

    def start(self, name: str, words: list[str], *, talks: bool = False) -> subprocess.Popen[bytes]:
        """Start `words` and leave it running. `talks`: its stdin and stdout are pipes, closed when the demo ends."""
        if self._ended:  # by a signal, while a thread was still starting things
            raise DidNotWork(f"{name} is not started: the demo has ended")
        narration = (self._logs / f"{name}.log").open("ab")
        self._files.append(narration)
        pipe = subprocess.PIPE if talks else subprocess.DEVNULL
        process = subprocess.Popen(
            words,
            stdin=pipe,
            stdout=pipe if talks else narration,
            stderr=narration,
            env=self._environment,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # so Ctrl+C ends the console alone
            start_new_session=os.name == "posix",
        )
        self._running[name] = process
        return process

    def tell(self, name: str, line: str) -> None:
        """Write a line to a program that talks."""
        pipe = self._running[name].stdin
        if pipe is not None:
            pipe.write(line.encode() + b"\n")
            pipe.flush()

    def names(self) -> list[str]:
        """The programs that were started and not stopped."""
        return list(self._running)

    def check(self) -> None:
        """DidNotWork if a program ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise DidNotWork(f"{name} ended with {process.returncode}; its narration: {self._logs / name}.log")

    def stop(self, name: str, *, hard: bool = False) -> None:
        """End one program: asked first and given STOP_SECONDS, or at once."""
        process = self._running.pop(name, None)
        if process is None:
            return
        if hard:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def close(self) -> None:
        """End all that still runs. All are asked at once: together they take as long as the slowest."""
        self._ended = True
        for process in self._running.values():
            process.terminate()
        for name in reversed(list(self._running)):
            self.stop(name)
        for narration in self._files:
            narration.close()


@contextmanager
def programs(home: Path, environment: dict[str, str]) -> Iterator[Programs]:
    started = Programs(home, environment)
    try:
        yield started
    finally:
        started.close()
