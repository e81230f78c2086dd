"""Files of every kind that the reader `hdf5` opens, made by other libraries or byte by byte."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import xarray as xr

T0 = np.datetime64("2024-01-01T00:00:00", "ns")
ROWS = 2000


def columns(part: int, rows: int = ROWS) -> dict[str, Any]:
    """Times (whole seconds) and values of part 0, 1, 2, ... of a series."""
    rng = np.random.default_rng(part)
    seconds = np.arange(rows) + part * rows
    return {
        "time": T0 + seconds * np.timedelta64(1, "s"),
        "seconds": seconds,
        "sst": np.round(20 + rng.normal(size=rows), 4),
        "salt": np.round(34 + rng.normal(size=rows), 4),
        "counts": rng.integers(0, 9000, rows),
        "spectrum": rng.normal(size=(rows, 4)),
    }


def dataset(part: int, rows: int = ROWS) -> xr.Dataset:
    made = columns(part, rows)
    return xr.Dataset(
        {
            "sst": ("time", made["sst"], {"units": "degree_Celsius", "standard_name": "sea_water_temperature"}),
            "salt": ("time", made["salt"], {"units": "1e-3", "standard_name": "sea_water_practical_salinity"}),
            "counts": ("time", made["counts"].astype("i4")),
            "spectrum": (("time", "wavelength"), made["spectrum"]),
        },
        {"time": made["time"], "wavelength": [400.0, 500.0, 600.0, 700.0]},
    )


def netcdf4(path: Path, part: int, rows: int = ROWS) -> Path:
    encoding = {"time": {"units": "seconds since 2024-01-01", "dtype": "i8"}, "sst": {"zlib": True}}
    dataset(part, rows).to_netcdf(path, engine="netcdf4", encoding=encoding, unlimited_dims=["time"])
    return path


def netcdf3(path: Path, part: int, rows: int = ROWS) -> Path:
    encoding = {"time": {"units": "seconds since 2024-01-01", "dtype": "f8"}}
    dataset(part, rows).to_netcdf(
        path, engine="netcdf4", format="NETCDF3_64BIT", encoding=encoding, unlimited_dims=["time"]
    )
    return path


def plain(path: Path, part: int, rows: int = ROWS) -> Path:
    """HDF5 of a logger: no dimension has a name, times are seconds since 1970."""
    made = columns(part, rows)
    with h5py.File(path, "w") as file:
        group = file.create_group("ctd")
        group["epoch"] = made["time"].astype("i8") / 1e9
        group["sst"] = made["sst"] + 273.15
        group["sst"].attrs["units"] = "K"
        group["salt"] = made["salt"]
        group["counts"] = made["counts"]
        group.create_dataset("spectrum", data=made["spectrum"], chunks=(min(rows, 500), 4), compression="gzip")
    return path


def compound(path: Path, part: int, rows: int = ROWS) -> Path:
    made = columns(part, rows)
    kind = np.dtype(
        [("t", "i8"), ("sst", "f8"), ("salt", "f4"), ("counts", "u2"), ("spectrum", "f8", (4,)), ("name", "S8")]
    )
    table = np.zeros(rows, kind)
    for name in ("sst", "salt", "counts", "spectrum"):
        table[name] = made[name]
    table["t"], table["name"] = made["time"].astype("i8") // 10**6, b"station"
    with h5py.File(path, "w") as file:
        file.create_dataset("log/rows", data=table, chunks=(500,))
    return path


def store(path: Path, part: int, rows: int = ROWS) -> Path:
    """As pandas 3 and PyTables 3.11 write a frame of format ``table`` (looked at with h5py, written with it)."""
    made = columns(part, rows)
    kind = np.dtype([("index", "<i8"), ("values_block_0", "<f8", (2,)), ("values_block_1", "<i8", (1,))])
    table = np.zeros(rows, kind)
    table["index"] = made["time"].astype("i8") // 1000
    table["values_block_0"] = np.stack([made["sst"], made["salt"]], axis=1)
    table["values_block_1"] = made["counts"][:, None]
    with h5py.File(path, "w") as file:
        group = file.create_group("underway")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        node = group.create_dataset("table", data=table, chunks=(512,), maxshape=(None,))
        node.attrs["CLASS"] = np.bytes_(b"TABLE")
        node.attrs["index_kind"] = np.bytes_(b"datetime64[us]")
        node.attrs["values_block_0_kind"] = np.bytes_(b"(lp0\nVsst\np1\naVsalt\np2\na.")
        node.attrs["values_block_1_kind"] = np.bytes_(b"(lp0\nVcounts\np1\na.")
    return path


def matlab(path: Path, part: int, rows: int = ROWS) -> Path:
    """As MATLAB saves with -v7.3: 512 bytes of text, axes turned round, text as numbers."""
    made = columns(part, rows)
    with h5py.File(path, "w", userblock_size=512) as file:
        days = 719_529 + made["time"].astype("i8") / 86400e9
        arrays = {"mtime": days[None, :], "sst": made["sst"][None, :], "salt": made["salt"][:, None].T,
                  "counts": made["counts"].astype("f8")[None, :], "spectrum": made["spectrum"].T}  # fmt: skip
        for name, values in arrays.items():
            file[name] = values
            file[name].attrs["MATLAB_class"] = np.bytes_(b"double")
        file["ship"] = np.frombuffer("R/V Kilo".encode("utf-16-le"), "<u2")[:, None]
        file["ship"].attrs["MATLAB_class"] = np.bytes_(b"char")
        file["ship"].attrs["MATLAB_int_decode"] = np.int32(2)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def zarr(path: Path, part: int, rows: int = ROWS, version: int = 3) -> Path:
    encoding = {"time": {"units": "seconds since 2024-01-01", "dtype": "i8"}}
    made = dataset(part, rows).chunk(time=500)
    made.to_zarr(path, mode="w", zarr_format=version, encoding=encoding, consolidated=version == 2)
    return path


def parquet(path: Path, part: int, rows: int = ROWS) -> Path:
    """Large: pyarrow reads 64 kB of footer, whatever its size."""
    made = columns(part, rows)
    frame = pd.DataFrame(
        {name: made[name] for name in ("sst", "salt", "counts")}, index=pd.Index(made["time"], name="time")
    )
    for band in range(4):
        frame[f"band{band}"] = np.random.default_rng(band).normal(size=(rows, 8)).sum(axis=1)
    frame["name"] = "station"
    frame.to_parquet(path, row_group_size=5000)
    return path


def size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(os.path.getsize(os.path.join(here, name)) for here, _, names in os.walk(path) for name in names)
