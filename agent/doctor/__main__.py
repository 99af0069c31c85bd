"""`python -m agent.doctor HOME`: what the doctor finds, in both languages, for the running agent that was told to look.

A process of its own, because a doctor asks the spool as a stranger does, and because what it imports is not to stay in
the memory of a branch PC.
"""

import sys
from pathlib import Path

import msgspec

from agent import secrets
from agent.doctor.command import examine, told

if __name__ == "__main__":
    secrets.OF_THIS_RUN.set(secrets.Secrets())
    sys.stdout.buffer.write(msgspec.json.encode(told(examine(Path(sys.argv[1]), "en"))))
