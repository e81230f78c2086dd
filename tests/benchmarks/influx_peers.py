"""The client libraries that the reader of InfluxDB is compared to, in an environment of their own: ``make bench-peers``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PINS = ("influxdb==5.3.2", "influxdb-client==1.50.*", "pandas<3", "numpy<3", "setuptools<80")
FOLDER = ".benchmarks/influx-peers"


def make(root: Path) -> Path:
    """Install them below `root` unless they are there; the python of their environment.

    Raises
    ------
    subprocess.SubprocessError
        When they cannot be installed.
    """
    folder = root / FOLDER
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists() or stamp.read_text().split() != list(PINS):
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True, timeout=120
        )
        install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *PINS]
        subprocess.run(install, check=True, capture_output=True, timeout=600)
        stamp.write_text(" ".join(PINS))
    return python


if __name__ == "__main__":
    print(make(Path(__file__).resolve().parents[2]))
