"""An hour of files is written the same in any steps, whole or not at all, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from workbench.core.codes import to_linear
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gate, Gating
from workbench.core.sizes import COLUMNS, SizeTable
from workbench.products.seaflow.filter import Focused
from workbench.products.seaflow.limits import Flag
from workbench.products.seaflow.process import CHANNELS, FileResult
from workbench.readers import seaflow_hourly
from workbench.record import seaflow_hour
from workbench.record.seaflow_work import Task

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


START = np.datetime64("2025-01-14T20:00:00", "ns")


def worked(number: int, rows: int, *, gated: bool = True) -> tuple[Task, FileResult]:
    """A file and what came out of it."""
    rng = np.random.default_rng(number)
    one = FilterParameters("one", ((0.0,) * 12,) * 3)
    gating = Gating("g", (Gate("beads", "fsc_small", "pe", ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0))),)) if gated else None
    mask = rng.integers(1, 8, rows).astype(np.uint8)
    there = (mask[:, None] >> np.arange(3) & 1) == 1
    codes = {name: rng.integers(0, 65536, rows).astype(np.uint16) for name in CHANNELS}
    label = np.where(there, rng.integers(0, 2, (rows, 3)), -1).astype(np.int8)
    sized = np.where(there, rng.integers(0, 39, (rows, 3)), -1).astype(np.int32)
    found = Focused(np.arange(rows), mask, 1, 0, 0, (1, 1, 1))
    task = Task((), f"2025_014/{number:03d}", START + np.timedelta64(number, "s"), one, gating, "")
    return task, FileResult(found, Flag.OK, "", 1, codes, label, sized, ("beads",))


def hour(out: Path, files: list[tuple[Task, FileResult]], *, table: SizeTable | None = None) -> None:
    with seaflow_hour.Hour(out, START, [task.file_id for task, _ in files], table) as some:
        for task, result in files:
            some.add(task, result)


def held(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sized", [False, True])
def test_an_hour_is_the_same_however_it_is_written(tmp_path, monkeypatch, sized):
    """At once or some files later, turned into columns in small steps or at once, some without gates."""
    table = (
        SizeTable("740", np.arange(40.0), np.random.default_rng(1).uniform(0.1, 9, (40, len(COLUMNS))))
        if sized
        else None
    )
    files = [worked(number, 1 + 37 * number, gated=number % 3 != 1) for number in range(9)]
    monkeypatch.setattr(seaflow_hourly, "GROUP", 300)
    hour(tmp_path / "once", files, table=table)
    monkeypatch.setattr(seaflow_hour, "STEP", 100)
    hour(tmp_path / "steps", files, table=table)
    for some in (files[1::2], files[::2], files[3:5]):
        hour(tmp_path / "later", some, table=table)
    assert held(tmp_path / "once") == held(tmp_path / "steps") == held(tmp_path / "later")
    (opp,) = (tmp_path / "once" / "opp").iterdir()
    (vct,) = (tmp_path / "once" / "vct").iterdir()
    assert pq.read_metadata(opp).num_rows == sum(len(result.label) for _, result in files)
    rows = pq.read_table(vct)
    assert rows.num_rows == sum(len(result.label) for task, result in files if task.gating)
    for column in ("D1", "chl_small"):
        wanted = [to_linear(result.codes[column]) for task, result in files if task.gating]
        np.testing.assert_array_equal(rows[column], np.concatenate(wanted))
    for at, name in enumerate(COLUMNS):
        row = np.concatenate([result.rows[:, 1] for task, result in files if task.gating])
        wanted = np.full(len(row), np.nan) if table is None else np.where(row < 0, np.nan, table.values[row, at])
        np.testing.assert_array_equal(rows[f"{name}_q50"].to_numpy(), wanted)


@pytest.mark.parametrize("broken", ["vct", "caller"])
def test_an_hour_that_breaks_off_leaves_what_stood_there(tmp_path, monkeypatch, broken):
    hour(tmp_path, [worked(0, 50)])
    before = held(tmp_path)
    monkeypatch.setattr(seaflow_hour, "STEP", 1)
    monkeypatch.setattr(seaflow_hourly, "GROUP", 20)  # so that something is written before it breaks

    def no(*_: object) -> None:
        raise OSError("no space left")

    if broken == "vct":
        monkeypatch.setattr(seaflow_hour, "_vct", no)

    def begun() -> None:
        files = [worked(0, 100), worked(1, 100)]
        with seaflow_hour.Hour(tmp_path, START, [task.file_id for task, _ in files], None) as some:
            for task, result in files:
                some.add(task, result)
            if broken == "caller":
                no()

    with pytest.raises(OSError, match="no space left"):
        begun()
    assert held(tmp_path) == before
