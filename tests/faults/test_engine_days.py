"""Simulated days through a real engine, as fast as they go. ``WORKBENCH_DAYS=24`` for as many (``make faults``).

A line a minute on each of four feeds and an EVT file of 2,000 particles every three minutes, whose populations are made,
on a clock that runs 24 hours of cruise in 70 seconds. What the user sees: nothing. What is lost: nothing acknowledged.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.faults.engine_load import SEAFLOW, Killable, arrive, line, worked
from tests.faults.soak import memory
from workbench.core.clock import Clock
from workbench.readers.seaflow_evt import SeaflowEvt
from workbench.record.record import Record
from workbench.simulate.cruise import write

pytestmark = [pytest.mark.fault, pytest.mark.timeout(3600)]
DAYS = float(os.environ.get("WORKBENCH_DAYS", "1"))
#: Real seconds for a day; MB an hour that memory may grow after the first ten minutes.
PACE, LIMIT = 70.0, 1.0
FEEDS = tuple("abcd")
PARTICLES, EVERY = 2000, 3
START = np.datetime64("2024-05-01T00:00:00", "ns")
CATALOG = "metadata: {cruise: {id: D}}\nsources:\n" + "".join(
    f'  {name}: {{driver: workbench, args: {{reader: nmea_log, listen: "http:"}}}}\n' for name in FEEDS
)


def at_rest(process: psutil.Process) -> int:
    """Its open files, without what a write or a look at the disk opens for a moment (a database is three files)."""
    seen = []
    for _ in range(20):
        seen.append(process.num_fds())
        time.sleep(0.05)
    return min(seen)


def test_days_at_sea(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Handles equal before and after; memory flat (where there are ten minutes and more to tell it by).

    Anonymous memory, as the soak has it: pages of libraries become the engine's own when another process that maps them ends.
    """
    ship = tmp_path / "ship"
    write(ship, days=DAYS, particles=PARTICLES, start=START)
    files = sorted((ship / "evt").rglob("*-*"))
    (tmp_path / "evt").mkdir()
    (tmp_path / "d.yaml").write_text(CATALOG + SEAFLOW.format(ship=ship))
    engine = Killable(
        tmp_path / "d.yaml", tmp_path / "log", WORKBENCH_CLOCK=str(tmp_path / "clock.json"), WORKBENCH_DATA=""
    )
    request.addfinalizer(engine.end)
    Clock(START, 86400 / PACE, time.time()).save(tmp_path)
    engine.start()
    process, samples = engine.process, []
    assert process is not None
    acknowledged, record = dict.fromkeys(FEEDS, 0), Record(tmp_path / "D.cruise")
    begun, minutes, handles, came = time.monotonic(), round(1440 * DAYS), 0, 0
    for minute in range(minutes):
        time.sleep(max(0.0, begun + minute * PACE / 1440 - time.monotonic()))
        for name in FEEDS:
            acknowledged[name] += engine.post(name, line(minute))
        while files[came:] and came * EVERY <= minute:
            arrive(files[came], ship, tmp_path / "evt")
            came += 1
        if minute == minutes // 3:
            while not record.runs.counts()["ok"]:  # the process that makes populations is there, with what it holds
                assert time.monotonic() - begun < 600, engine.status()
                time.sleep(0.5)
            handles = at_rest(process)
        if minute % 60 == 0:
            samples.append((time.monotonic() - begun, memory(process.pid)[0]))
    deadline = time.monotonic() + 60
    while any(record.count(name) < acknowledged[name] for name in FEEDS):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    late, deadline = time.monotonic(), time.monotonic() + 1500
    whole = sum(SeaflowEvt().complete(path) > 0 for path in files)  # the ship's computer cuts one short now and then
    while len(worked(tmp_path / "D.cruise")) < whole or record.runs.counts()["ok"] < whole:
        assert time.monotonic() < deadline, (whole, record.runs.counts(), engine.status())
        time.sleep(0.5)
    late = time.monotonic() - late
    after = at_rest(process)
    assert engine.stop() == 0
    at, used = np.array(samples).T
    print(
        f"{DAYS:g} days in {at[-1] / 60:.1f} min: {sum(acknowledged.values())} lines; handles {handles} -> {after}; "
        f"memory {used[len(used) // 3]:.0f} -> {used[-1]:.0f} MB; {whole} of {came} EVT files whole, "
        f"the last populations {late:.0f} s later"
    )
    assert record.runs.counts()["ok"] == whole > 0.9 * len(files) > 400 * DAYS
    assert came == len(files)
    assert {name: record.count(name) for name in FEEDS} == dict.fromkeys(FEEDS, minutes) == acknowledged
    assert after <= handles + 1
    if at[-1] > 900:
        late = at > 600
        slope = np.polyfit(at[late] / 3600, used[late], 1)[0]
        print(f"{slope:.2f} MB an hour after the first ten minutes")
        assert slope < LIMIT
    else:
        assert used[-1] - used[len(used) // 3] < 30
    assert "Traceback" not in (tmp_path / "log").read_text()
