"""An hour of many files, each near the most particles that a file may have, is written in bounded memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HOUR = """
import sys
from pathlib import Path
import numpy as np
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gate, Gating
from workbench.core.sizes import COLUMNS, SizeTable
from workbench.products.seaflow.filter import Focused
from workbench.products.seaflow.limits import Flag
from workbench.products.seaflow.process import CHANNELS, FileResult
from workbench.record import seaflow_hour
from workbench.record.seaflow_work import Task

out, files, rows = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(0)
one = FilterParameters("one", ((0.0,) * 12,) * 3)
gating = Gating("g", (Gate("beads", "fsc_small", "pe", ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0))),))
table = SizeTable("740", np.arange(3000.0), rng.uniform(0.1, 9, (3000, len(COLUMNS))))


def result():
    mask = rng.integers(1, 8, rows).astype(np.uint8)
    there = (mask[:, None] >> np.arange(3) & 1) == 1
    label = np.where(there, rng.integers(0, 2, (rows, 3)), -1).astype(np.int8)
    sized = np.where(there, rng.integers(0, 2999, (rows, 3)), -1).astype(np.int32)
    channels = {name: rng.integers(0, 65536, rows).astype(np.uint16) for name in CHANNELS}
    return FileResult(Focused(np.arange(rows), mask, 1, 0, 0, (1, 1, 1)), Flag.OK, "", 1, channels, label, sized, ("beads",))


start = np.datetime64("2025-01-14T20:00:00", "ns")
done = [(Task((), f"2025_014/{i:03d}", start + np.timedelta64(i, "s"), one, gating, ""), result()) for i in range(files)]
peak = lambda: int(next(x for x in open("/proc/self/status") if x.startswith("VmHWM")).split()[1]) / 1024
before = peak()
for some in (done[::2], done[1::2]):
    with seaflow_hour.Hour(out, start, [task.file_id for task, _ in some], table) as hour:
        for task, result in some:
            hour.add(task, result)
print(before, peak())
"""


@pytest.mark.slow
def test_memory_of_an_hour_does_not_grow_with_its_files(tmp_path):
    grown = []
    for files in (24, 72):
        words = [sys.executable, "-c", _HOUR, str(tmp_path / str(files)), str(files), "25000"]
        before, peak = map(float, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
        grown.append(peak - before)
    print(f"above what the files' particles take: {grown[0]:.0f} MB for 24 files, {grown[1]:.0f} MB for 72")
    assert max(grown) < 350  # 600,000 and 1,800,000 rows of 280 bytes: 170 and 500 MB as one table
    assert grown[1] < grown[0] + 100
