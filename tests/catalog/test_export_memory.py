"""Four times as many rows are exported in the same memory: the peak of whole processes, measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.readers.seaflow_evt import write_evt

#: MB by which the peak may grow. As a whole, these sources take 30 to 100 bytes a row to open and write: 150 MB more.
MOST = 60
CATALOG = """
metadata:
  cruise: {id: M1, title: Memory, start: 2025-01-14, end: 2025-03-14}
sources:
  underway: {driver: workbench, description: Positions., args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/underway"}}
  evt: {driver: workbench, description: Events., args: {reader: seaflow_evt, url: "{{ CATALOG_DIR }}/evt"}}
"""
_PEAK = """
import sys
from workbench.cli import main
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
sys.stderr.write(f"PEAK {peak}")
sys.exit(code)
"""


def underway(folder: Path, days: int) -> int:
    """A position a second."""
    hours, minutes, seconds = (f.ravel().tolist() for f in np.mgrid[0:24, 0:60, 0:60])
    day = "".join(
        f"2025-01-01T{h:02d}:{m:02d}:{s:02d}.285Z $GPGGA,{h:02d}{m:02d}{s:02d}.00,2{m:03d}.{s:02d},N,15{m:03d}.{h:02d},W,1,10,0.9,1{s}.5,M,,M,,\n"
        for h, m, s in zip(hours, minutes, seconds, strict=True)
    )
    folder.mkdir()
    for date in (np.datetime64("2025-01-14") + np.arange(days)).tolist():
        (folder / f"GPS-{date:%Y%m%d}").write_text(day.replace("2025-01-01", f"{date:%Y-%m-%d}"))
    return days * 86_400


def evt(folder: Path, files: int) -> int:
    """A file every three minutes."""
    rng, each = np.random.default_rng(0), 34_722
    names = ("D1", "D2", "fsc_small", "pe", "chl_small", "pulse_width", "evt_rate")
    rows = {name: rng.integers(0, 65_536, each).astype(np.uint16) for name in names}
    for moment in np.datetime64("2025-01-14T20:00:00") + np.arange(files) * np.timedelta64(180, "s"):
        when = moment.item()
        write_evt(folder / f"{when:%Y_%j}" / f"{when:%Y-%m-%dT%H-%M-%S}+00-00", rows)
    return files * each


def peak(folder: Path, source: str, ending: str, rows: int) -> float:
    """MB of a process that exports a source."""
    (folder / "c.yaml").write_text(CATALOG)
    words = ["export", str(folder / "c.yaml"), source, "-o", str(folder / f"x.{ending}")]
    done = subprocess.run([sys.executable, "-c", _PEAK, *words], capture_output=True, text=True, check=True)
    assert f"{rows} rows" in done.stdout
    (folder / f"x.{ending}").unlink()
    return int(done.stderr.rpartition("PEAK ")[2]) / 1024


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("source", "make", "few"), [("underway", underway, 12), ("evt", evt, 90)])
def test_memory_does_not_grow_with_the_cruise(tmp_path: Path, source: str, make, few: int) -> None:
    made = {}
    for times in (1, 4):
        (tmp_path / str(times)).mkdir()
        made[tmp_path / str(times)] = make(tmp_path / str(times) / source, few * times)
    for ending in ("nc", "csv"):
        small, large = (peak(folder, source, ending, rows) for folder, rows in made.items())
        print(f"{source} as {ending}: {small:.0f} MB, of four times as many rows {large:.0f} MB")
        assert large < small + MOST
