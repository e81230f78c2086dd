"""A thousand small NetCDF files opened as one, against xarray's open_mfdataset: CPU seconds, the same values."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from workbench.readers import hdf5

T0 = np.datetime64("2024-01-01", "ns")


def cpu(call: Callable[[], xr.Dataset]) -> tuple[float, xr.Dataset]:
    begun = time.process_time()
    ds = call()
    return time.process_time() - begun, ds


def write(folder: Path, count: int, **how: object) -> None:
    """Files of 180 rows of 8 variables."""
    folder.mkdir()
    for i in range(count):
        rng, when = np.random.default_rng(i), T0 + (np.arange(180) + 180 * i) * np.timedelta64(1, "s")
        ds = xr.Dataset({f"v{k}": ("time", rng.normal(size=180), {"units": "m"}) for k in range(8)}, {"time": when})
        encoding = {"time": {"units": "seconds since 2024-01-01", "dtype": "i8"}, **{f"v{k}": how for k in range(8)}}
        ds.to_netcdf(folder / f"{i:04d}.nc", engine="h5netcdf", encoding=encoding)


@pytest.mark.timeout(600)
def test_a_thousand_files(tmp_path: Path, smoke: bool, row) -> None:
    count, folder = 12 if smoke else 1000, tmp_path / "files"
    write(folder, count)
    xr.open_dataset(folder / "0000.nc", engine="hdf5").close()  # what is imported once is no cost of a file
    files, index = sorted(map(str, folder.iterdir())), str(tmp_path / "index.db")
    tuned = {"engine": "netcdf4", "combine": "nested", "concat_dim": "time", "compat": "override", "coords": "minimal",
             "data_vars": "minimal"}  # fmt: skip

    def ours() -> xr.Dataset:
        hdf5._named.clear()  # what memory knows is forgotten: only the index's file is left
        return xr.open_dataset(folder, engine="hdf5", index=index, chunks={})

    took = {}
    took["ours, no index yet"], _ = cpu(ours)
    took["ours, by the index"], found = cpu(ours)
    took["open_mfdataset, tuned"], other = cpu(lambda: xr.open_mfdataset(files, **tuned))
    np.testing.assert_array_equal(found["v3"].values, other["v3"].values)
    np.testing.assert_array_equal(found["time"].values, other["time"].values)
    other.close()
    took["open_mfdataset, default"], other = cpu(lambda: xr.open_mfdataset(files))
    for name in found.variables:
        np.testing.assert_array_equal(found[name].values, other[name].values, err_msg=str(name))
    other.close()
    print({name: round(seconds, 3) for name, seconds in took.items()})
    for ours_took in ("ours, no index yet", "ours, by the index"):
        for peer, least in {"open_mfdataset, default": 25, "open_mfdataset, tuned": 15}.items():
            row(
                f"a thousand NetCDF files, {ours_took}",
                "s CPU",
                took[ours_took],
                peer=took[peer],
                peer_name=peer,
                least_ratio=least,
            )


@pytest.mark.timeout(600)
def test_files_in_compressed_chunks(tmp_path: Path, smoke: bool, row) -> None:
    """Each has its chunks at other places: libhdf5 must open every array once, which is what the first look costs."""
    count, folder = 12 if smoke else 300, tmp_path / "files"
    write(folder, count, zlib=True, chunksizes=(60,))
    xr.open_dataset(folder / "0000.nc", engine="hdf5").close()
    files, took = sorted(map(str, folder.iterdir())), {}
    took["h5py opens each array and reads the times"], _ = cpu(lambda: bare(files))
    took["ours, no index yet"], found = cpu(lambda: xr.open_dataset(folder, engine="hdf5", chunks={}))
    took["open_mfdataset, default"], other = cpu(lambda: xr.open_mfdataset(files))
    np.testing.assert_array_equal(found["v3"].values, other["v3"].values)
    other.close()
    print({name: round(seconds, 3) for name, seconds in took.items()})
    row("files of unlike layout, no index yet", "s CPU", took["ours, no index yet"], peer=took["open_mfdataset, default"],
        peer_name="open_mfdataset, default", least_ratio=2)  # fmt: skip


def bare(files: list[str]) -> xr.Dataset:
    """The least that has to be done to know that files are alike, and when their rows are."""
    for path in files:
        with h5py.File(path, "r", locking=False) as file:
            for name in file:
                file[name].attrs.get("units")
            _ = file["time"][:]
    return xr.Dataset()
