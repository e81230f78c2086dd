"""Starting: the command line answers before any science library is loaded."""

from __future__ import annotations

import subprocess
import sys


def _run(*args: str) -> None:
    subprocess.run([sys.executable, *args], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def test_help(measure, smoke) -> None:
    seconds = measure(
        "workbench --help",
        {
            "workbench --help": lambda: _run("-m", "workbench", "--help"),
            "python": lambda: _run("-c", ""),
            "import panel": lambda: _run("-W", "ignore", "-c", "import panel"),
        },
    )
    if not smoke:
        assert seconds["workbench --help"] < seconds["import panel"] / 5
