"""The record between processes: many read while one writes and rolls; whoever is killed, nothing acknowledged is lost.

What a user sees while the writer is dead: everything up to the last acknowledged block. What is lost: nothing.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.record.rows import T
from workbench.record.record import Record

SECOND = np.timedelta64(1, "s")

#: Goes on from its mark: blocks of 500 rows, 40 s apart, rolled every few blocks; says what it has acknowledged.
WRITER = """
import sys, time
import numpy as np
import xarray as xr
from workbench.record import rolling
from workbench.record.record import Record

rolling.WORTH = 1
T, SECOND = np.datetime64("2024-05-01T00:00:00", "ns"), np.timedelta64(1, "s")
record, stop = Record(sys.argv[1]), int(sys.argv[2])
at = record.marks("t").get("journal", 0)
while at < stop:
    n = np.arange(at, at + 500)
    late = np.where(n % 50 == 49, n - 5000, n).clip(0)
    ds = xr.Dataset({"id": ("time", n), "half": ("time", n / 2), "word": ("time", (n % 7).astype(str))}, {"time": T + late * 40 * SECOND})
    record.append("t", ds, mark=("journal", at + 500))
    at += 500
    print(at, flush=True)
    time.sleep(float(sys.argv[3]))
    if at % 2000 == 0:
        record.roll(before=T + at * 40 * SECOND)
        print(-at, flush=True)
"""


def expected(rows: int) -> xr.Dataset:
    n = np.arange(rows)
    late = np.where(n % 50 == 49, n - 5000, n).clip(0)
    ds = xr.Dataset(
        {"id": ("time", n), "half": ("time", n / 2), "word": ("time", (n % 7).astype(str))},
        {"time": T + late * 40 * SECOND},
    )
    return ds.isel(time=np.argsort(late, kind="stable"))


def start(folder: Path, rows: int, pause: float = 0.0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, folder, str(rows), str(pause)], stdout=subprocess.PIPE, text=True
    )


def check(folder: Path, acknowledged: int) -> int:
    """Everything acknowledged is there, once, and so is at most the block that was on its way."""
    record = Record(folder)
    if not acknowledged and "t" not in record.tables():
        return 0
    ds = record.open("t").load()
    rows = ds.sizes["time"]
    assert record.marks("t") == {"journal": rows}
    assert acknowledged <= rows <= acknowledged + 500
    xr.testing.assert_equal(ds, expected(rows))
    assert record.count("t") == rows
    few = record.open("t", max_points=20).load()
    assert float(few["id_max"].max()) == rows - 1
    return rows


def kill_again_and_again(folder: Path, kills: int) -> int:
    chance, told = random.Random(5), 0
    for _ in range(kills):
        writer = start(folder, 10**9)
        assert writer.stdout is not None
        first = int(writer.stdout.readline())  # it has begun
        told = max(told, first)
        time.sleep(chance.uniform(0, 0.6))
        os.kill(writer.pid, signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.stdout.read().split())])
        writer.wait()
        told = check(folder, told)
    return told


@pytest.mark.fault
@pytest.mark.timeout(900)
def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    rows = kill_again_and_again(tmp_path, 20)
    writer = start(tmp_path, rows + 4000)
    assert writer.wait(120) == 0
    assert check(tmp_path, rows + 4000) == rows + 4000
    left = [path.name for path in (tmp_path / "series/t").iterdir() if path.name.startswith(".")]
    assert not left, "the next roll takes away what was half-written"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_many_read_while_one_writes_and_rolls(tmp_path: Path) -> None:
    reader = """
import sys, numpy as np, dask.array
from workbench.record.record import Record
record, cursor, seen, last, looks = Record(sys.argv[1]), None, 0, 0, 0
print("ready", flush=True)
while seen < int(sys.argv[2]):
    if "t" not in record.tables():
        continue
    ds, cursor = record.changed("t", cursor)
    assert not ds.attrs["replaces"]
    seen += ds.sizes["time"]
    opened = record.open("t")
    n = np.sort(opened["id"].load().values)
    assert (n == np.arange(len(n))).all(), "every row once"
    assert len(n) >= last and len(n) >= seen
    assert (np.diff(opened["time"].values) >= np.timedelta64(0)).all()
    few = record.open("t", max_points=30).load()
    assert few["id_max"].max() >= len(n) - 1
    last, looks = len(n), looks + 1
print(seen, looks)
"""
    rows = 16_000
    readers = [
        subprocess.Popen([sys.executable, "-c", reader, tmp_path, str(rows)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]  # fmt: skip
    for process in readers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    writer = start(tmp_path, rows, pause=0.5)
    assert writer.wait(240) == 0
    for process in readers:
        out, wrong = process.communicate(timeout=120)
        assert process.returncode == 0, wrong
        seen, looks = map(int, out.split())
        assert seen == rows
        assert looks > 2
    check(tmp_path, rows)
