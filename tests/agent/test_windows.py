"""The agent is for branch PCs, and those run Windows: nothing in it may need a POSIX module."""

import subprocess
import sys
from pathlib import Path

AGENT = Path(__file__).parents[2] / "agent"
IMPORT_ALL = """
import sys
for name in ("fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "posix_ipc"):
    sys.modules[name] = None
import importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
print("imported", len(sys.argv) - 1)
"""


def test_every_module_is_imported_with_the_posix_ones_blocked() -> None:
    files = [path.relative_to(AGENT.parent) for path in AGENT.rglob("*.py") if not path.stem.startswith("__")]
    modules = [".".join(path.with_suffix("").parts) for path in files]
    ran = subprocess.run([sys.executable, "-c", IMPORT_ALL, *modules], check=False, capture_output=True, text=True)
    assert ran.stdout.split() == ["imported", str(len(modules))], ran.stderr
