"""A logger in another process: appends rows to an HDF5 file when it is told to, until it is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, h5py, numpy as np
path, mode = sys.argv[1:3]
file = h5py.File(path, "w", libver=None if mode == "old" else "latest")
kinds = {"time": "i8", "sst": "f8", "counts": "i4"}
made = {name: file.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(64,)) for name, kind in kinds.items()}
made["spectrum"] = file.create_dataset("spectrum", (0, 4), "f4", maxshape=(None, 4), chunks=(64, 4))
made["time"].attrs["units"] = "seconds since 2024-01-01"
made["sst"].attrs["units"] = "degree_Celsius"
if mode == "swmr":
    file.swmr_mode = True
file.flush()
rows = 0
print("ready", flush=True)
for line in sys.stdin:
    n = int(line)
    new = np.arange(rows, rows + n)
    for name, values in {"sst": 10 + new / 1000, "counts": new + 1, "time": new + 1}.items():
        made[name].resize((rows + n,))
        made[name][rows:] = values
        made[name].flush()
    made["spectrum"].resize((rows + n, 4))
    made["spectrum"][rows:] = new[:, None] + 1 + np.arange(4)
    rows += n
    file.flush()
    print("written", flush=True)
"""


class Writer:
    """``swmr``; ``latest``: the same format without SWMR; ``old``: as h5py writes by default."""

    def __init__(self, path: Path, mode: str = "swmr") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._said("ready")

    def _said(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == word

    def tell(self, rows: int) -> None:
        """Begin to append; `append` waits for it, too."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{rows}\n")
        self.process.stdin.flush()

    def append(self, rows: int) -> None:
        self.tell(rows)
        self._said("written")

    def wait(self) -> None:
        """For what `tell` began."""
        self._said("written")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
