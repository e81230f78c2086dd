"""Environments of their own for what we compare ourselves to: ``make bench-peers``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def made(folder: Path, pins: Sequence[str]) -> Path:
    """The python of the environment in `folder`, with `pins` installed in it unless they are.

    Raises
    ------
    subprocess.SubprocessError
        When they cannot be installed.
    """
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists() or stamp.read_text().split() != list(pins):
        venv = [sys.executable, "-m", "venv", "--clear", str(folder)]
        subprocess.run(venv, check=True, capture_output=True, timeout=120)
        install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *pins]
        subprocess.run(install, check=True, capture_output=True, timeout=600)
        stamp.write_text(" ".join(pins))
    return python
