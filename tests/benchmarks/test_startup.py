"""Starting: the command line answers before any science library is loaded."""

from __future__ import annotations

import subprocess
import sys


def _run(*args: str) -> None:
    subprocess.run([sys.executable, *args], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def test_help(measure, row) -> None:
    candidates = {
        "ours": lambda: _run("-m", "workbench", "--help"),
        "python": lambda: _run("-c", ""),
        "panel": lambda: _run("-W", "ignore", "-c", "import panel"),
    }
    took = measure("workbench --help", candidates)
    peer = {"peer": took["panel"], "peer_name": "import panel", "least_ratio": 5}
    row("workbench --help", "s", took["ours"], limit=took["python"], at_most=3 * took["python"], **peer)
