"""The laws of readers, on every kind of file that `hdf5` opens."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

from tests.readers import hdf5_files as make
from tests.readers.hdf5_child import damaged_in_a_child
from workbench.core.errors import ReaderError
from workbench.readers import zarr_folder
from workbench.testing.readers import ReaderTests

CHOSEN = {"sea_water_temperature": "sst", "salinity": "salt", "counts": "counts"}


class OfAnyKind(ReaderTests):
    """What the kinds have in common. Libraries that crash on damaged bytes do it in a process of their own."""

    engine = "hdf5"
    head = 32 << 10  # the times are read at opening
    tries = 30
    written: Callable[..., Path]
    suffix: ClassVar[str] = ".h5"
    rows_each: ClassVar[int] = make.ROWS

    def write(self, folder: Path) -> list[Path]:
        return [type(self).written(folder / f"part{part}{self.suffix}", part, self.rows_each) for part in range(3)]

    @pytest.mark.slow
    def test_mutations(self, files: list[Path], tmp_path: Path) -> None:
        """Damaged files: a dataset or a ReaderError, in bounded time and memory; nothing else."""
        told = damaged_in_a_child(files[0], dict(self.options), tries=self.tries, seed=1)
        print(f"{self.suffix}: {told}")
        assert told.other == [], "only ReaderError is documented"
        assert told.tried == self.tries
        assert told.crashed <= self.tries // 10

    def test_values(self, files: list[Path]) -> None:
        """The values are those that were written, in canonical units."""
        ds = self.open(files)
        want = [make.columns(part, self.rows_each) for part in range(3)]
        np.testing.assert_array_equal(ds["time"].values, np.concatenate([part["time"] for part in want]))
        for ours, theirs in CHOSEN.items():
            values = np.concatenate([part[theirs] for part in want])
            np.testing.assert_allclose(ds[ours].values, values, rtol=1e-6, err_msg=ours)
        assert ds["sea_water_temperature"].attrs["units"] == "degree_Celsius"
        assert ds["sea_water_temperature"].attrs["standard_name"] == "sea_water_temperature"
        assert ds["salinity"].dtype == np.float64
        if "spectrum" in ds:
            inner = np.concatenate([part["spectrum"] for part in want])
            np.testing.assert_array_equal(ds["spectrum"].values, inner)
            np.testing.assert_array_equal(ds["spectrum"][5:90:7, 1].values, inner[5:90:7, 1])


class TestNetcdf4(OfAnyKind):
    written = staticmethod(make.netcdf4)
    suffix = ".nc"


@pytest.mark.slow
class TestNetcdf3(OfAnyKind):
    lazy = False  # the times of its records lie among the rows
    written = staticmethod(make.netcdf3)
    suffix = ".nc"


class TestPlain(OfAnyKind):
    written = staticmethod(make.plain)
    options: ClassVar[dict[str, Any]] = {"variables": {**CHOSEN, "spectrum": "ctd/spectrum"}}


class TestCompound(OfAnyKind):
    lazy = False  # the times of a table lie among its rows
    written = staticmethod(make.compound)
    options: ClassVar[dict[str, Any]] = {
        "time": "log/rows/t", "variables": {**CHOSEN, "spectrum": "spectrum", "name": "name"},
        "units": {"sea_water_temperature": "degC", "salinity": "psu"},
    }  # fmt: skip


@pytest.mark.slow
class TestStore(OfAnyKind):
    lazy = False  # likewise
    written = staticmethod(make.store)
    options: ClassVar[dict[str, Any]] = {"variables": CHOSEN}


@pytest.mark.slow
class TestMatlab(OfAnyKind):
    written = staticmethod(make.matlab)
    suffix = ".mat"
    options: ClassVar[dict[str, Any]] = {"variables": {**CHOSEN, "spectrum": "spectrum"}}


@pytest.mark.slow
class TestParquet(OfAnyKind):
    rows_each = 20_000
    head = 300 << 10  # 64 kB of footer, and the times
    written = staticmethod(make.parquet)
    suffix = ".parquet"
    options: ClassVar[dict[str, Any]] = {"variables": CHOSEN}


@pytest.mark.slow
class TestZarr(OfAnyKind):
    """A folder is no stream of bytes: what cuts and damages bytes does so to its metadata."""

    written = staticmethod(make.zarr)
    suffix = ".zarr"
    options: ClassVar[dict[str, Any]] = {"variables": {**CHOSEN, "spectrum": "spectrum"}}

    def copy(self, path: Path, folder: Path) -> Path:
        return Path(shutil.copytree(path, folder / path.name))

    def test_truncation(self, files: list[Path], tmp_path: Path) -> None:
        path = self.copy(files[0], tmp_path / "cut") / "zarr.json"
        raw = path.read_bytes()
        for size in range(0, len(raw), max(1, len(raw) // 12)):
            path.write_bytes(raw[:size])
            with pytest.raises(ReaderError):
                self.open(path.parent)
            assert self.reader.complete(path.parent) == 0

    def test_broken_sibling(self, files: list[Path]) -> None:
        others = self.open(files[:-1]).load()
        (files[-1] / "zarr.json").write_bytes(b"{")
        with pytest.raises(ReaderError, match="part2"):
            self.open(files[-1])
        ds = self.open(files)
        self.same(ds, others)
        assert "part2" in ds.attrs["refused"]

    def test_neighbours(self, folder: Path, files: list[Path]) -> None:
        whole = self.open(files).load()
        shutil.copytree(files[0], files[0].with_name(".hidden.zarr"))
        (folder / "empty").mkdir()
        self.same(self.open(folder), whole)

    def test_lazy(self, files: list[Path]) -> None:
        """Chunks of the variables are not touched by opening."""
        for path in files:
            for name in ("sst", "salt", "counts", "spectrum"):
                shutil.rmtree(path / name / "c")
        assert self.open(files).sizes["time"] == 3 * make.ROWS

    def test_mutations(self, files: list[Path], tmp_path: Path) -> None:
        told = damaged_in_a_child(files[0], dict(self.options), tries=20, seed=1, inside="sst/zarr.json")
        print(f"zarr: {told}")
        assert told.other == [] and told.crashed == 0


def test_a_zarr_of_which_a_chunk_gets_its_name_meanwhile_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, walk = str(make.zarr(tmp_path / "a.zarr", 0)), os.walk
    size = zarr_folder.complete(path)

    def listed(top: str) -> Any:
        return ((here, folders, [*names, "0.partial"]) for here, folders, names in walk(top))

    monkeypatch.setattr(zarr_folder.os, "walk", listed)
    assert zarr_folder.complete(path) == size > 0


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_of_zarr(tmp_path: Path, version: int) -> None:
    ds = xr.open_dataset(make.zarr(tmp_path / "a.zarr", 0, version=version), engine="hdf5")
    xr.testing.assert_equal(ds["spectrum"].load().drop_vars("wavelength", errors="ignore"),
                            make.dataset(0)["spectrum"].drop_vars("wavelength"))  # fmt: skip
    assert "sea_water_temperature" in ds and "salinity" in ds, "by their standard names"


@pytest.mark.parametrize("kind", ["NETCDF4", "NETCDF3_CLASSIC"])
def test_packed_times_are_unpacked(tmp_path: Path, kind: Any) -> None:
    """As xarray reads them."""
    time = np.array(["2024-01-11T00", "2024-01-11T12", "2024-01-12T00"], "datetime64[ns]")
    made = xr.Dataset({"x": ("time", np.arange(3.0)), "told": ("time", time)}, {"time": time})
    packed = {
        "units": "days since 2024-01-01",
        "dtype": "i4",
        "scale_factor": 0.5,
        "add_offset": 10.0,
        "_FillValue": -1,
    }
    made.to_netcdf(tmp_path / "a.nc", format=kind, encoding={"time": packed, "told": packed})
    ds = xr.open_dataset(tmp_path / "a.nc", engine="hdf5")
    np.testing.assert_array_equal(ds["time"].values, time)
    np.testing.assert_array_equal(ds["told"].values, time)


@pytest.mark.parametrize("kind", ["NETCDF4", "NETCDF3_CLASSIC"])
def test_numbers_that_are_said_to_have_no_sign_have_none(tmp_path: Path, kind: Any) -> None:
    time = np.datetime64("2024-05-01", "ns") + np.arange(3) * np.timedelta64(1_000_000_000, "ns")
    made = xr.Dataset({"counts": ("time", np.array([1, -1, -112], np.int8), {"_Unsigned": "true"})}, {"time": time})
    made.to_netcdf(tmp_path / "a.nc", format=kind)
    assert xr.open_dataset(tmp_path / "a.nc", engine="hdf5")["counts"].values.tolist() == [1, 255, 144]


@pytest.mark.parametrize(("unit", "name"), [("g/kg", "salinity_as_stored"), ("PSU", "salinity"), ("1e-3", "salinity")])
def test_salinity_keeps_its_number(tmp_path: Path, unit: str, name: str) -> None:
    """35 g/kg are absolute salinity: another quantity, and no practical salinity of 0.035."""
    time = np.datetime64("2024-05-01", "ns") + np.arange(3) * np.timedelta64(1_000_000_000, "ns")
    made = xr.Dataset({"salinity": ("time", np.full(3, 35.1), {"units": unit})}, {"time": time})
    made.to_netcdf(tmp_path / "a.nc")
    ds = xr.open_dataset(tmp_path / "a.nc", engine="hdf5")
    assert list(ds.data_vars) == [name]
    assert (ds[name].values == 35.1).all()


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("ms", "UTC"), pa.date32()])
def test_a_parquet_time_beyond_nanoseconds_is_missing(tmp_path: Path, kind: pa.DataType) -> None:
    days = [datetime.datetime(year, 1, 1) for year in (2024, 9999, 2025)]
    times = pa.array(days, pa.timestamp("us")).cast(kind)
    pq.write_table(pa.table({"time": times, "sst": [1.0, 2.0, 3.0]}), tmp_path / "a.parquet")
    found = xr.open_dataset(tmp_path / "a.parquet", engine="hdf5")["time"].values
    np.testing.assert_array_equal(found, np.array(["2024-01-01", "NaT", "2025-01-01"], "datetime64[ns]"))
