"""The doctor in a process of its own, which is gone with all it imported when it has looked."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec

import agent
from agent.orders.outcome import NotDone
from agent.secrets import of_this_run
from agent.settings import PREFIX, Settings
from agent.tidy import tidy_text
from agent.wire import Finding, Why

SENTENCE = 1000  # characters
FINDINGS_BYTES = 50_000  # of one result: a server takes 64 KiB as one record
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


async def findings(settings: Settings) -> list[Finding]:
    """What it finds: what is not well first, and as much as there is room for. Raises NotDone."""
    try:
        said, code = await _ask(settings)
    except OSError as error:
        raise NotDone(Why.ERROR, f"the doctor cannot be started: {error.strerror}") from error
    try:
        found = msgspec.json.decode(said, type=list[Finding])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotDone(Why.ERROR, f"the doctor ended with exit code {code}") from error
    return _bounded(map(_tidied, found))


async def _ask(settings: Settings) -> tuple[bytes, int | None]:
    program = [sys.executable, "-m", "agent.doctor", str(settings.home)]
    environment = os.environ | {f"{PREFIX}SERVER": settings.server}
    child = await asyncio.create_subprocess_exec(
        *program,
        cwd=Path(agent.__file__).parent.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=_NO_WINDOW,
    )
    try:
        said, _ = await child.communicate()
    finally:
        if child.returncode is None:  # it took too long, or the agent ends
            child.kill()
            await child.wait()
    return said, child.returncode


def _tidied(finding: Finding) -> Finding:
    hide = of_this_run().hide
    texts = {
        name: tidy_text(hide(getattr(finding, name)), SENTENCE) for name in ("what", "zh", "en", "mend_zh", "mend_en")
    }
    return msgspec.structs.replace(finding, **texts)


def _bounded(found: "map[Finding]") -> list[Finding]:
    kept = []
    left = FINDINGS_BYTES
    for finding in found:
        left -= len(msgspec.msgpack.encode(finding))
        if left < 0:
            break
        kept.append(finding)
    return kept
