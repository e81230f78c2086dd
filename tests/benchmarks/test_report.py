"""The report of 30 days at the demo's rates, processed before: seconds, memory and size of the file.

A cruise is simulated (4.3 GB), its populations and picture index are made as by ``workbench seaflow ... --index`` (3 GB);
then ``workbench report`` is a process of its own. Folders are taken away at the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.rows import SMOKE
from workbench.simulate.cruise import write

DAYS, PARTICLES = (0.1, 200) if SMOKE else (30, 20_000)
#: Bytes that the cruise and what is made of it take.
DISK = 1e8 if SMOKE else 10e9


@pytest.fixture
def processed(tmp_path: Path) -> Iterator[Path]:
    """The catalog of a cruise whose files have all been processed."""
    free = shutil.disk_usage(tmp_path).free
    if free < DISK:
        pytest.fail(f"{(DISK - free) / 1e9:.0f} GB are missing in {tmp_path}")
    catalog = write(tmp_path / "cruise", days=DAYS, particles=PARTICLES)
    home = catalog.parent
    given = ["evt", "--sfl", "sfl/SIM25.sfl", "--params", "plan", "--size-table", "plan/calibrated-mie.csv"]
    given += ["--instrument", "740", "--out", "SIM25.cruise/particles", "--index", "catalog.yaml"]
    subprocess.run([sys.executable, "-m", "workbench", "seaflow", *given], cwd=home, check=True, capture_output=True)
    yield catalog
    shutil.rmtree(home)


@pytest.mark.timeout(3600)
def test_thirty_days(processed: Path, row) -> None:
    html = processed.parent / "report.html"
    words = [sys.executable, "-m", "workbench", "report", str(processed), "-o", str(html)]
    begun = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    took = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    what = f"report of {DAYS} days, {PARTICLES} particles a file"
    row(what, "s", took, at_most=60)
    row(f"{what}: CPU", "s", used.ru_utime + used.ru_stime)
    row(f"{what}: memory", "MB", used.ru_maxrss / 1e3, at_most=1200)
    row(f"{what}: file", "MB", html.stat().st_size / 1e6, at_most=15)
