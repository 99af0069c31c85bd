"""`make bench`: every benchmark, one after the other, each in a process of its own. Figures and ratios, no verdicts."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

for path in sorted(HERE.glob("[a-z]*.py")):
    print(f"== {path.stem}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}"], check=False, cwd=HERE.parent)
