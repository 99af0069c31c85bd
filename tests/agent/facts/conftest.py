"""A Linux made of files: `tree({"etc/passwd": "..."})`, and programs that are shell scripts in it."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

if sys.platform == "win32":
    collect_ignore = [
        "test_antivirus.py",
        "test_bounds.py",
        "test_network.py",
        "test_policy.py",
        "test_restart.py",
        "test_updates.py",
    ]

Tree = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root = tmp_path / "r"
    root.mkdir()

    def make(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            if name.startswith(("usr/bin/", "usr/sbin/")):
                path.chmod(0o755)
        return root

    return make
