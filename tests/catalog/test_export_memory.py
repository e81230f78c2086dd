"""Four times as many rows are exported in the same memory: the peak of whole processes, measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from workbench.readers.seaflow_evt import write_evt

#: MB by which the peak may grow. As a whole, these sources take 30 to 100 bytes a row to open and write: 150 MB more.
MOST = 60
CATALOG = """
metadata:
  cruise: {id: M1, title: Memory, start: 2025-01-14, end: 2025-03-14}
sources:
  underway: {driver: workbench, description: Positions., args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/underway"}}
  evt: {driver: workbench, description: Events., args: {reader: seaflow_evt, url: "{{ CATALOG_DIR }}/evt"}}
  one_log: {driver: workbench, description: One log., args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/one_log/*"}}
  two_logs: {driver: workbench, description: Logs that overlap., args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/two_logs"}}
  table: {driver: workbench, description: One table., args: {reader: tsdata, url: "{{ CATALOG_DIR }}/table/x.tsdata"}}
  netcdf: {driver: workbench, description: One file., args: {reader: hdf5, url: "{{ CATALOG_DIR }}/netcdf/x.nc"}}
  parquet: {driver: workbench, description: One file., args: {reader: hdf5, url: "{{ CATALOG_DIR }}/parquet/x.parquet"}}
  one_evt: {driver: workbench, description: One file of events., args: {reader: seaflow_evt, url: "{{ CATALOG_DIR }}/one_evt"}}
  hour: {driver: workbench, description: One hour of particles., args: {reader: seaflow_opp, url: "{{ CATALOG_DIR }}/hour"}}
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


def one_log(folder: Path, days: int) -> int:
    """All positions in one file."""
    rows = underway(folder, days)
    parts = sorted(folder.iterdir())
    with (folder / "all.nmea").open("wb") as out:
        for part in parts:
            out.write(part.read_bytes())
            part.unlink()
    return rows


def two_logs(folder: Path, days: int) -> int:
    """Two receivers, each in one file, at the same time."""
    rows = one_log(folder, days)
    text = (folder / "all.nmea").read_text().replace("$GP", "$IN").replace(".285Z", ".785Z")
    (folder / "other.nmea").write_text(text)
    return 2 * rows


def seconds(rows: int) -> np.ndarray:
    return np.datetime64("2025-01-14", "ns") + np.arange(rows) * np.timedelta64(1, "s")


def table(folder: Path, blocks: int) -> int:
    """A table of three numbers and a word."""
    folder.mkdir()
    with (folder / "x.tsdata").open("w") as out:
        out.write("f\np\nNA\n" + "\t".join(["NA"] * 5) + "\ntime\tfloat\tfloat\tfloat\ttext\n")
        out.write("NA\tdegC\tS/m\tpsi\tNA\ntime\ttemp\tcond\tp\tword\n")
        for block in range(blocks):
            times = np.datetime_as_string(seconds(100_000) + np.timedelta64(100_000 * block, "s"), unit="s")
            out.writelines(
                f"{when}Z\t{i % 30}.25\t{i % 7}.5\t{i % 12}.125\tw{i % 99}\n" for i, when in enumerate(times.tolist())
            )
    return blocks * 100_000


def numbers(rows: int) -> xr.Dataset:
    made = {name: ("time", np.arange(rows) % 1000 * scale) for name, scale in (("a", 0.5), ("b", 0.25), ("c", 1.5))}
    return xr.Dataset(made, {"time": seconds(rows)})


def netcdf(folder: Path, millions: int) -> int:
    """Numbers in one file, compressed."""
    folder.mkdir()
    how = {"zlib": True, "complevel": 1, "chunksizes": (65_536,)}
    told = dict.fromkeys(("a", "b", "c"), how) | {"time": how | {"units": "seconds since 1970-01-01", "dtype": "f8"}}
    numbers(millions * 1_000_000).to_netcdf(folder / "x.nc", encoding=told)
    return millions * 1_000_000


def parquet(folder: Path, millions: int) -> int:
    """Numbers in one file, in the row groups that pandas writes."""
    folder.mkdir()
    numbers(millions * 1_000_000).to_dataframe().reset_index().to_parquet(folder / "x.parquet", row_group_size=1 << 18)
    return millions * 1_000_000


def one_evt(folder: Path, millions: int) -> int:
    """A file of events as no instrument writes it."""
    rng, each = np.random.default_rng(0), 1_000_000 * millions
    names = ("D1", "D2", "fsc_small", "pe", "chl_small", "pulse_width", "evt_rate")
    write_evt(
        folder / "2025-01-14T20-00-00+00-00", {name: rng.integers(0, 65_536, each).astype(np.uint16) for name in names}
    )
    return each


def hour(folder: Path, millions: int) -> int:
    """Twenty files of focused particles in an hour."""
    folder.mkdir()
    n, names = millions * 1_000_000, ("D1", "D2", "fsc_small", "pe", "chl_small")
    when = np.datetime64("2025-01-14T20:00:00") + np.arange(n) * 20 // n * np.timedelta64(180, "s")
    rows = {name: np.arange(n) % 3000 + 1.5 for name in names} | {
        f"q{q}": np.arange(n) % 2 == 0 for q in ("2.5", "50", "97.5")
    }
    frame = pd.DataFrame({"date": pd.to_datetime(when, utc=True), **rows})
    frame.to_parquet(folder / "2025-01-14T20-00-00+00-00.1H.opp.parquet", row_group_size=1 << 18)
    return n


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
@pytest.mark.parametrize(
    ("make", "few", "endings"),
    [
        (underway, 12, "nc csv"), (evt, 90, "nc csv"), (one_log, 12, "nc"), (two_logs, 6, "nc"), (table, 15, "nc csv"),
        (netcdf, 3, "nc"), (parquet, 3, "nc"), (one_evt, 4, "nc csv"), (hour, 3, "nc"),
    ],
)  # fmt: skip
def test_memory_does_not_grow_with_the_cruise(
    tmp_path: Path, make: Callable[[Path, int], int], few: int, endings: str
) -> None:
    source = make.__name__
    made = {}
    for times in (1, 4):
        (tmp_path / str(times)).mkdir()
        made[tmp_path / str(times)] = make(tmp_path / str(times) / source, few * times)
    for ending in endings.split():
        small, large = (peak(folder, source, ending, rows) for folder, rows in made.items())
        print(f"{source} as {ending}: {small:.0f} MB, of four times as many rows {large:.0f} MB")
        assert large < small + MOST
