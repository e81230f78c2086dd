"""A source written as one file, against what pandas and xarray write of the same rows in memory: CPU of a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from workbench.catalog.export import export


class Cruise(dict):
    """One source that gives these rows."""

    id, title, ship = "B1", None, None

    def __init__(self, ds: xr.Dataset) -> None:
        super().__init__(rows=SimpleNamespace(open=lambda window: ds, description="", reader="none"))


def underway(n: int) -> xr.Dataset:
    """Two clocks, a word and six numbers, as of a ship's feed."""
    rng = np.random.default_rng(1)
    when = np.datetime64("2025-01-14", "ns") + np.arange(n) * np.timedelta64(1, "s")
    columns = {f"v{k}": ("time", rng.normal(20, 5, n).round(4 + k), {"units": "m"}) for k in range(6)}
    said = when - rng.integers(0, 10**9, n).astype("m8[ns]")
    words = np.array(["GGA", "RMC", "VTG"])[np.arange(n) % 3]
    return xr.Dataset({"time_instrument": ("time", said), "sentence": ("time", words), **columns}, {"time": when})


def cpu(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of processor, the least of some, in turn."""
    took = dict.fromkeys(calls, np.inf)
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            took[name] = min(took[name], time.process_time() - start)
    return took


@pytest.mark.timeout(900)
def test_rows_of_an_export(tmp_path: Path, size, smoke: bool, row, record_cpu) -> None:
    n = size(1e6)
    ds = underway(n)
    cruise, frame = Cruise(ds), ds.to_dataframe()
    squeezed = {
        str(name): {"zlib": True, "complevel": 1} for name, array in ds.variables.items() if array.dtype.kind != "U"
    }
    took = cpu(
        {
            "csv": lambda: export(cruise, "rows", tmp_path / "x.csv"),
            "DataFrame.to_csv": lambda: frame.to_csv(tmp_path / "p.csv"),
            "netcdf": lambda: export(cruise, "rows", tmp_path / "x.nc"),
            "Dataset.to_netcdf": lambda: ds.to_netcdf(tmp_path / "p.nc", engine="netcdf4", encoding=squeezed),
        },
        1 if smoke else 3,
    )
    record_cpu("rows exported", took, per=n)
    ours, theirs = pd.read_csv(tmp_path / "x.csv", nrows=10_000), pd.read_csv(tmp_path / "p.csv", nrows=10_000)
    for k in range(6):
        np.testing.assert_array_equal(ours[f"v{k} (m)"], theirs[f"v{k}"])
    ns = {name: seconds / n * 1e9 for name, seconds in took.items()}
    row(
        "export to CSV",
        "ns CPU/row",
        ns["csv"],
        peer=ns["DataFrame.to_csv"],
        peer_name="DataFrame.to_csv",
        least_ratio=4,
    )
    row("export to NetCDF", "ns CPU/row", ns["netcdf"], peer=ns["Dataset.to_netcdf"], peer_name="Dataset.to_netcdf",
        least_ratio=1)  # fmt: skip
