"""A simulated cruise on disk: the same bytes however it came about, and what should be found in it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.simulate import cruise as module
from workbench.simulate.continuation import Continuation
from workbench.simulate.cruise import ID, Parameters, begin, catalog, planned_end, read_parameters, write

DAYS, PARTICLES = 0.12, 120
SECOND = np.timedelta64(1, "s")


def tree(folder: Path) -> dict[str, str]:
    """Digest of every file that carries data or truth."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in ("catalog.yaml", ".lock")]
    return {str(p.relative_to(folder)): sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About five hours, small files. Do not change it."""
    return write(tmp_path_factory.mktemp("short"), days=DAYS, particles=PARTICLES).parent


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days, small files. Do not change it."""
    return write(tmp_path_factory.mktemp("long"), days=3, particles=300).parent


def happened(folder: Path, kind: str) -> list[dict[str, str]]:
    events = json.loads((folder / "truth" / "events.json").read_text())["events"]
    return [
        {k: v.removesuffix("Z") if k in ("start", "stop") else v for k, v in e.items()}
        for e in events
        if e["kind"] == kind
    ]


# laws -----------------------------------------------------------------------------------------------------------------


def test_the_same_parameters_give_the_same_bytes(short: Path, tmp_path: Path) -> None:
    write(tmp_path, days=DAYS, particles=PARTICLES)
    assert tree(tmp_path) == tree(short)


def test_another_seed_gives_other_bytes(short: Path, tmp_path: Path) -> None:
    write(tmp_path, days=0.02, particles=PARTICLES, seed=8)
    ours, theirs = tree(tmp_path), tree(short)
    data = [name for name in ours if name in theirs and not str(name).startswith("plan/")]  # one gating fits all
    assert data and all(theirs[name] != ours[name] for name in data)


@settings(max_examples=6)
@given(first=st.floats(0.01, DAYS), steps=st.lists(st.integers(1, 9000), max_size=12), reopen=st.integers(1, 4))
def test_a_cruise_continued_is_the_cruise_made_at_once(
    short: Path, tmp_path_factory: pytest.TempPathFactory, first: float, steps: list[int], reopen: int
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    write(folder, days=first, particles=PARTICLES)
    more = Continuation(folder)
    end = more.start + round(DAYS * 86400) * SECOND
    for i, step in enumerate([*steps, 86400]):
        more.until(min(more.newest + step * SECOND, end))
        if i % reopen == 0:
            more.close()
            more = Continuation(folder)
    more.close()
    assert tree(folder) == tree(short)


@settings(max_examples=6)
@given(chance=st.randoms(use_true_random=False))
def test_a_cruise_broken_off_anywhere_is_completed(
    short: Path, tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    write(folder, days=chance.uniform(0.03, DAYS), particles=PARTICLES)
    position = max((folder / "underway").iterdir())
    os.truncate(position, chance.randint(0, position.stat().st_size))
    sfl = folder / "sfl" / f"{ID}.sfl"
    os.truncate(sfl, sfl.stat().st_size - chance.randint(0, min(300, sfl.stat().st_size)))
    (next((folder / "evt").iterdir()) / ".2025-01-14T20-00-02+00-00.4711").write_bytes(b"half")
    if chance.random() < 0.5:
        (folder / "truth" / "populations.parquet").unlink()
    write(folder, days=DAYS, particles=PARTICLES)
    assert tree(folder) == tree(short)


def test_a_killed_simulation_is_completed(short: Path, tmp_path: Path) -> None:
    code = f"from workbench.simulate.cruise import write; write({str(tmp_path)!r}, days={DAYS}, particles={PARTICLES})"
    child = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("evt/*/*"))) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.kill()
    child.wait()
    write(tmp_path, days=DAYS, particles=PARTICLES)
    assert tree(tmp_path) == tree(short)


def test_writing_again_writes_nothing(short: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in (short / "evt").rglob("*") if p.is_file()}
    write(short, days=DAYS, particles=PARTICLES)
    write(short, days=DAYS / 2, particles=PARTICLES)
    assert {p: p.stat().st_mtime_ns for p in before} == before


# what the readers find ------------------------------------------------------------------------------------------------


def test_the_catalog_opens_and_has_no_mistakes(long: Path) -> None:
    from workbench.catalog.check import problems
    from workbench.catalog.cruise import open_cruise

    assert [p.name for p in long.iterdir() if p.suffix == ".yaml"] == ["catalog.yaml"]
    assert problems(long / "catalog.yaml") == []
    cruise = open_cruise(long / "catalog.yaml")
    assert set(cruise) == {"seaflow", "sfl", "underway", "ship", "plan", "populations", "log", "drift", "vct"}
    assert cruise.id == ID
    assert cruise.start == np.datetime64("2025-01-14T20:00") and cruise.end == np.datetime64("2025-01-17T20:00")
    assert cruise.finished and cruise.folder == long / f"{ID}.cruise"


def test_what_is_counted_is_what_is_true(long: Path) -> None:
    """The product finds the abundances that the simulator put in: a median within a tenth for the common ones."""
    from workbench.catalog.cruise import open_cruise

    truth = pd.read_parquet(long / "truth" / "populations.parquet")
    found = open_cruise(long / "catalog.yaml")["populations"].open().sel(quantile=50.0)
    for name, within in (("prochloro", 0.1), ("synecho", 0.3)):
        ours = float(found["abundance"].sel(population=name).sum())
        theirs = float(truth[(truth.population == name) & ~truth.truncated].abundance.sum())
        assert ours == pytest.approx(theirs, rel=within)


def test_files_and_truth_agree(long: Path) -> None:
    truth = pd.read_parquet(long / "truth" / "populations.parquet")
    counts = truth[~truth.truncated].groupby("file_id")["count"].sum()
    ds = xr.open_dataset(long / "evt", engine="seaflow_evt")
    assert dict(zip(ds.file_id.values, ds.row_size.values, strict=True)) == counts.to_dict()
    broken = {event["file_id"] for event in happened(long, "truncated")}
    assert broken == set(truth[truth.truncated].file_id) and len(broken) == 2
    assert len(ds.attrs["refused"].splitlines()) == len(broken)
    assert all(any(name in line for line in ds.attrs["refused"].splitlines()) for name in broken)


def test_the_sfl_has_a_line_for_every_file(long: Path) -> None:
    sfl = xr.open_dataset(long / "sfl", engine="seaflow_sfl")
    truth = pd.read_parquet(long / "truth" / "populations.parquet")
    assert sfl.file_id.values.tolist() == truth.file_id.drop_duplicates().tolist()
    assert np.array_equal(sfl.time.values, truth.time.drop_duplicates().values)
    hours = np.diff(sfl.time.values) / np.timedelta64(1, "h")
    (gap,) = happened(long, "gap")
    assert (hours > 0.06).sum() == 1 and 1.0 <= hours.max() < 1.15
    assert sfl.time.values[np.argmax(hours) + 1] >= np.datetime64(gap["stop"])


def test_pressure_falls_and_the_event_rate_follows(long: Path) -> None:
    sfl = xr.open_dataset(long / "sfl", engine="seaflow_sfl").load()
    low = sfl.stream_pressure.values < 11.5
    faults = happened(long, "pressure_fault")
    inside = np.zeros(low.shape, dtype=bool)
    for fault in faults:
        inside |= (sfl.time.values >= np.datetime64(fault["start"])) & (sfl.time.values < np.datetime64(fault["stop"]))
    assert len(faults) == 2 and not low[~inside].any() and low[inside].mean() > 0.9
    assert sfl.stream_pressure.values[~low].min() > 11.9
    assert sfl.event_rate.values[low].mean() < 0.85 * sfl.event_rate.values[~low].mean()
    assert sfl.event_rate.max() < 18_000


def test_the_front_is_where_the_truth_says(long: Path) -> None:
    (front,) = happened(long, "front")
    sfl = xr.open_dataset(long / "sfl", engine="seaflow_sfl").load()
    truth = pd.read_parquet(long / "truth" / "populations.parquet").pivot(
        index="time", columns="population", values="abundance"
    )
    moment, hour = np.datetime64(front["start"]), np.timedelta64(1, "h")
    before = (sfl.time.values > moment - 4 * hour) & (sfl.time.values < moment - hour)
    after = (sfl.time.values > moment + hour) & (sfl.time.values < moment + 4 * hour)
    temperature, salinity = sfl.sea_water_temperature.values, sfl.salinity.values
    assert temperature[before].mean() - temperature[after].mean() == pytest.approx(2.2, abs=0.4)
    assert salinity[after].mean() - salinity[before].mean() == pytest.approx(0.95, abs=0.15)
    assert (truth.synecho[after].mean() > 4 * truth.synecho[before].mean()) and truth.croco[after].mean() < 0.02


def test_size_and_number_follow_the_light(long: Path) -> None:
    par = xr.open_dataset(long / "sfl", engine="seaflow_sfl").par.values
    truth = pd.read_parquet(long / "truth" / "populations.parquet")
    size = truth.pivot(index="time", columns="population", values="fsc_small")
    size = (size.prochloro - size.beads).to_numpy()
    number = truth.pivot(index="time", columns="population", values="abundance").synecho.to_numpy()
    known, late = np.isfinite(par), np.arange(len(par)) > 700  # after the front
    assert np.corrcoef(par[known], size[known])[0, 1] > 0.6
    assert np.corrcoef(par[known & late], number[known & late])[0, 1] > 0.5


def test_positions_tell_of_their_clock_spikes_and_gap(long: Path) -> None:
    ds = xr.open_dataset(long / "underway", engine="nmea_log").load()
    assert ds.attrs["unchecked"] == 0 and ds.attrs["other"] == 0 and "bad checksum: 2" in ds.attrs["bad"]
    gga = ds.isel(time=ds.sentence.values == "GGA")
    away = (gga.time.values - gga.time_instrument.values) / SECOND
    assert away[0] == pytest.approx(41.25, abs=0.02) and away[-1] == pytest.approx(41.25 + 3 * 0.8, abs=0.02)
    jumps = gga.time.values[1:][np.abs(np.diff(gga.latitude.values)) > 0.1]
    spikes = [np.datetime64(event["start"]) for event in happened(long, "spike")]
    assert len(spikes) == 3 and all(np.abs(jumps - spike).min() < SECOND for spike in spikes)
    assert len(jumps) == 2 * len(spikes)
    (gap,) = happened(long, "feed_gap")
    assert np.diff(gga.time.values).max() / SECOND == pytest.approx(25 * 60 + 1, abs=1)
    assert np.datetime64(gap["start"]) < gga.time.values[np.argmax(np.diff(gga.time.values)) + 1]
    assert len(happened(long, "antimeridian")) == 3
    assert (np.abs(np.diff(gga.longitude.values)) > 300).sum() >= 3


# what goes wrong ------------------------------------------------------------------------------------------------------


def test_other_parameters_are_refused(short: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"another simulated cruise \(seed 7.*seed 8.*--seed"):
        write(short, days=DAYS, particles=PARTICLES, seed=8)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(WorkbenchError, match="not empty and holds no simulated cruise"):
        write(tmp_path, days=DAYS)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(WorkbenchError, match=r"take 0\.5 GB, and 0\.0 GB are free"):
        write(tmp_path / "new", days=3)
    assert not (tmp_path / "new").exists()


def test_parameters_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "cruise.json").write_text("{")
    with pytest.raises(WorkbenchError, match=r"cruise\.json: not the parameters"):
        read_parameters(tmp_path)


@pytest.mark.parametrize(("days", "particles"), [(0, 100), (121, 100), (1, 0), (1, 2_000_001)])
def test_numbers_that_make_no_sense_are_refused(tmp_path: Path, days: float, particles: int) -> None:
    with pytest.raises(WorkbenchError, match="up to 120 days"):
        write(tmp_path, days=days, particles=particles)


def test_a_planned_end_is_never_taken_back(tmp_path: Path) -> None:
    begin(tmp_path, days=1, seed=7, particles=100, length=12)
    begin(tmp_path, days=3, seed=7, particles=100)
    assert planned_end(tmp_path) == np.datetime64("2025-01-26T20:00:00")
    assert np.isnat(planned_end(tmp_path / "nowhere"))


def test_a_start_can_be_named(tmp_path: Path) -> None:
    write(tmp_path, days=0.01, particles=100, start=np.datetime64("2024-02-29T23:50:00"))
    write(tmp_path, days=0.02, particles=100)
    names = sorted(p.name for p in (tmp_path / "evt").rglob("*T*"))
    assert names[0] == "2024-02-29T23-50-02+00-00" and names[-1] == "2024-03-01T00-14-02+00-00"
    assert sorted(p.name for p in (tmp_path / "evt").iterdir()) == ["2024_060", "2024_061"]
    assert 'start: "2024-02-29T23:50:00"' in catalog(Parameters(7, 100, "2024-02-29T23:50:00"), 1)
