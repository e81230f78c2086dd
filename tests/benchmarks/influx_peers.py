"""The client libraries that the reader of InfluxDB is compared to, in an environment of their own: ``make bench-peers``."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.environment import made

PINS = ("influxdb==5.3.2", "influxdb-client==1.50.*", "pandas<3", "numpy<3", "setuptools<80")
FOLDER = ".benchmarks/influx-peers"


def make(root: Path) -> Path:
    """Install them below `root` unless they are there; the python of their environment."""
    return made(root / FOLDER, PINS)


if __name__ == "__main__":
    print(make(Path(__file__).resolve().parents[2]))
