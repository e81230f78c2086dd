"""seaflowpy, what the field uses, in an environment of its own: made once, kept in ``.cache/`` (git-ignored)."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

VERSION = "15.1.3"
_CACHE = Path(__file__).resolve().parent.parent / ".cache"


def seaflowpy() -> Path:
    """The ``bin`` folder of an environment with seaflowpy; skips, saying why, where it cannot be installed."""
    folder = _CACHE / f"seaflowpy-{VERSION}-py{sys.version_info[0]}.{sys.version_info[1]}"
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / "seaflowpy.lock").open("w") as lock:  # tests may run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _install(folder)
    return folder / "bin"


def _install(folder: Path) -> None:
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            f"seaflowpy=={VERSION}",
        ],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            pytest.skip(f"seaflowpy {VERSION} cannot be installed here: {last}")
    (folder / "complete").touch()


def run(*words: str | os.PathLike[str]) -> str:
    """Run the command ``seaflowpy`` and give what it prints; a failure fails the test."""
    done = subprocess.run([seaflowpy() / "seaflowpy", *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(script: str, *words: str | os.PathLike[str]) -> Any:
    """Run Python that imports seaflowpy and prints JSON; ``sys.argv[1:]`` are `words`."""
    python = seaflowpy() / "python"
    script += "\nimport os\nsys.stdout.flush()\nos._exit(0)\n"  # pyarrow's threads may abort an orderly end
    done = subprocess.run([python, "-c", script, *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
