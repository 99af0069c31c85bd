"""`make bench`: every benchmark, one after the other, each in a process of its own. Figures and ratios, no verdicts.

Above all of them stands the machine with the versions, below each what it took of processor time.
"""

import os
import subprocess
import sys
from pathlib import Path

from server.loadtest.figures import machine

HERE = Path(__file__).parent

print(f"On: {machine()}", flush=True)
for path in sorted(HERE.glob("[a-z]*.py")):
    print(f"== {path.stem}", flush=True)
    before = os.times()
    subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}"], check=False, cwd=HERE.parent)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"-- {path.stem}: {after.elapsed - before.elapsed:.1f} s, {spent:.1f} CPU-seconds", flush=True)
