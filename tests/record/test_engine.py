"""The record as an xarray engine: the laws of stores, on hot rows, on rolled ones, on both."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr

from tests.record.rows import HOUR, T, block
from workbench.core.errors import ReaderError
from workbench.core.window import Window
from workbench.record.record import Record
from workbench.testing import stores

NS = np.timedelta64(1, "ns")


class TestHot(stores.StoreTests):
    engine = "record"
    options: ClassVar[dict[str, str]] = {"table": "met"}

    def place(self, tmp_path: Path) -> str:
        return str(tmp_path / "cruise")

    def put(self, url: str, ds: xr.Dataset) -> None:
        record = Record(url)
        there = record.open("met")["time"].values if "met" in record.tables() else []
        known = np.isin(ds["time"].values, there)
        for row in np.flatnonzero(known):
            moment = ds["time"].values[row]
            record.replace("met", Window(moment, moment + NS), ds.isel(time=[row]))
        if not known.all():
            record.append("met", ds.isel(time=~known))
        record.close()


class TestRolled(TestHot):
    def put(self, url: str, ds: xr.Dataset) -> None:
        super().put(url, ds)
        Record(url).roll(before=T + 1000 * HOUR)


class TestPartlyRolled(TestHot):
    def put(self, url: str, ds: xr.Dataset) -> None:
        super().put(url, ds)
        Record(url).roll(before=stores.T0 + np.timedelta64(25, "s"))


def test_one_table_needs_no_name_and_several_do(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.append("a", block([0, 1]))
    assert xr.open_dataset(tmp_path, engine="record").sizes["time"] == 2
    record.append("b", block([0]))
    with pytest.raises(ReaderError, match=r"table=\.\.\. \(a, b\)"):
        xr.open_dataset(tmp_path, engine="record")
    with pytest.raises(ReaderError, match="Known: a, b"):
        xr.open_dataset(tmp_path, engine="record", table="aa")


def test_an_empty_folder_says_that_nothing_was_recorded(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="nothing has been recorded"):
        xr.open_dataset(tmp_path, engine="record", table="a")
    with pytest.raises(ReaderError, match="no cruise folder"):
        xr.open_dataset(tmp_path / "x", engine="record", table="a")


def test_chunks_are_days(tmp_path: Path) -> None:
    Record(tmp_path).append("a", block(list(range(60))))
    assert xr.open_dataset(tmp_path, engine="record", chunks={})["number"].chunks == ((24, 24, 12),)


def test_a_grid_is_indexed_in_every_way(tmp_path: Path) -> None:
    values = np.arange(5 * 3 * 2, dtype=float).reshape(5, 3, 2)
    ds = xr.Dataset(
        {"x": (("time", "p", "q"), values)}, {"time": T + np.arange(5) * 20 * HOUR, "p": list("abc"), "q": [1, 2]}
    )
    Record(tmp_path).append("a", ds)
    for index in ({"p": 1}, {"time": 2}, {"time": [3, 0], "q": 1}, {"time": slice(None, None, -2), "p": [2, 0]}, {"time": slice(4, 2)},
                  {"time": -1, "p": slice(0, 2), "q": -1}, {"time": xr.DataArray([0, 4, 1], dims="k"), "p": xr.DataArray([2, 0, 1], dims="k")}):  # fmt: skip
        xr.testing.assert_equal(xr.open_dataset(tmp_path, engine="record").isel(index).load(), ds.isel(index))
