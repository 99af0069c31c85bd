"""The entry of `branchfleet-agent`. A running agent does without what reads command lines and helps people.

typer, with the pydantic it brings, is 9 MiB of a branch PC's memory, all day. So the one command that runs all day is
recognized here; all others, and whatever is not said plainly, are typer's (`cli.py`).
"""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from agent import secrets
from agent.exit import Exit, Trouble
from agent.language import language, settle_streams
from agent.logs import logging_to, narrate
from agent.settings import find_home, load_settings, make_home
from agent.texts import speak


def run_here(home: Path | None, server: str | None) -> Exit:
    """Poll and send until the system or a person ends it. Raises Trouble."""
    from agent.run import run_until_signalled

    folder = find_home(home, os.environ)
    settings = load_settings(folder, os.environ, server=server)
    make_home(folder)
    with logging_to(folder, secrets.of_this_run()):
        return run_until_signalled(settings)


def _plain_run(words: Sequence[str]) -> dict[str, str] | None:
    """What "run --home FOLDER --server URL" says. None if these words are any others, or ask for help."""
    if not words or words[0] != "run":
        return None
    said: dict[str, str] = {}
    rest = list(words[1:])
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in ("--home", "--server") or not (equals or rest):
            return None
        said[name] = value if equals else rest.pop(0)
    return said


def say(sentence: str) -> None:
    """To the person, on standard error."""
    sys.stderr.write(secrets.of_this_run().hide(sentence) + "\n")
    sys.stderr.flush()


def main(arguments: list[str] | None = None) -> None:
    """The entry of the command. Ends the process."""
    settle_streams()
    known = secrets.Secrets()
    secrets.OF_THIS_RUN.set(known)
    narrate(known)
    words = sys.argv[1:] if arguments is None else arguments
    lang = language(words, os.environ)
    speak(lang)
    try:
        plain = _plain_run(words)
        if plain is not None:
            sys.exit(run_here(Path(plain["--home"]) if "--home" in plain else None, plain.get("--server")))
        from agent.cli import app
        from agent.commandline import run

        sys.exit(run("branchfleet-agent", app, words, lang))
    except Trouble as trouble:
        say(trouble.zh if lang == "zh" else trouble.sentence)
        sys.exit(trouble.code)
    except Exception as error:  # the border of the program: a sentence for the person, the rest in a file
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries once more as it ends
            full = "The output cannot be written: the disk it goes to is full."
            say("写不出结果：所在磁盘已满。" if lang == "zh" else full)
            sys.exit(Exit.CANNOT_WRITE)
        what, file = type(error).__name__, _written_down()
        zh = f"{Exit.DEFECT.zh}{what}；请报给总行科技，连同文件 {file}"
        say(zh if lang == "zh" else f"{Exit.DEFECT.sentence} {what}; please report it with the file {file}")
        sys.exit(Exit.DEFECT)


def _written_down() -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix="branchfleet-agent-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(secrets.of_this_run().hide(traceback.format_exc()))
    return file.name


if __name__ == "__main__":
    main()
