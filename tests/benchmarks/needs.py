"""What ``make bench SCALE=1`` needs, said before it begins."""

from __future__ import annotations

import shutil
import sys

from tests.benchmarks.rows import ROOT

#: Bytes on disk: 1e9 particles as columns and as files, their index, 60 days of EVT, and what is written between.
DISK = {"1e9 particles, two columns of codes and their files": 18e9, "their index": 2e9, "60 days at 1 Hz": 3e9}


def main() -> int:
    """0 when there is room; 1, having said how much is missing, when there is not."""
    need, free = sum(DISK.values()), shutil.disk_usage(ROOT).free
    for what, much in DISK.items():
        print(f"  {much / 1e9:5.0f} GB  {what}")
    print(f"  {need / 1e9:5.0f} GB  in all; {free / 1e9:.0f} GB are free. There is no limit of time.", flush=True)
    if need > free:
        print(f"bench SCALE=1: {(need - free) / 1e9:.0f} GB are missing", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
