"""What ``make bench SCALE=1`` needs, said before it begins."""

from __future__ import annotations

import shutil
import sys
import tempfile

#: Bytes in the folder of temporary files. 1e9 particles are those of 1e8 ten times over: an index cannot know that.
DISK = {
    "1e8 particles, simulated and real: columns of codes, files": 4e9,
    "their indices, at every level and by population": 1e9,
    "indices of 1e9 particles": 1e9,
    "60 days at 1 Hz, 20 variables": 3e9,
}


def main() -> int:
    """0 when there is room; 1, having said how much is missing, when there is not."""
    folder = tempfile.gettempdir()
    need, free = sum(DISK.values()), shutil.disk_usage(folder).free
    for what, much in DISK.items():
        print(f"  {much / 1e9:5.0f} GB  {what}")
    print(
        f"  {need / 1e9:5.0f} GB  in all; {free / 1e9:.0f} GB are free in {folder}. There is no limit of time.",
        flush=True,
    )
    if need > free:
        print(f"bench SCALE=1: {(need - free) / 1e9:.0f} GB are missing", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
