"""The index of many files: what it keeps comes back as it was, and only what changed is looked at again."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.readers import hdf5_files as make
from workbench.readers import hdf5, rows_index
from workbench.readers.moments import pack, unpack


@given(st.lists(st.integers(-(2**62), 2**62), max_size=30), st.booleans())
def test_times_come_back(numbers: list[int], regular: bool) -> None:
    values = np.arange(len(numbers)) * 10**9 if regular else np.array(numbers, dtype=np.int64)
    times = values.astype("datetime64[ns]")
    np.testing.assert_array_equal(unpack(pack(times)), times)


def test_only_what_changed_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, index = tmp_path / "files", str(tmp_path / "index.db")
    folder.mkdir()
    for part in range(4):
        make.plain(folder / f"{part}.h5", part, 50)
    looked: list[str] = []
    scan = rows_index.Index._scan
    monkeypatch.setattr(
        rows_index.Index, "_scan", lambda self, path, *rest: looked.append(path) or scan(self, path, *rest)
    )

    def open_() -> xr.Dataset:
        hdf5._named.clear()
        looked.clear()
        return xr.open_dataset(folder, engine="hdf5", index=index).load()

    first = open_()
    assert len(looked) == 4
    xr.testing.assert_identical(open_(), first)
    assert looked == []
    make.plain(folder / "3.h5", 5, 60)
    assert open_().sizes["time"] == 210
    assert len(looked) == 1


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, xr.Dataset]:
    """Three files as one dataset, lazy, and in memory."""
    folder = tmp_path_factory.mktemp("three")
    for part, rows in enumerate((7, 1, 12)):
        make.plain(folder / f"{part}.h5", part, rows)
    ds = xr.open_dataset(folder, engine="hdf5")
    return ds, ds.copy(deep=True).load()


def _keys(size: int) -> st.SearchStrategy[Any]:
    number = st.integers(-size, size - 1)
    bound = st.none() | st.integers(-size - 2, size + 2)
    step = st.none() | st.integers(-5, 5).filter(bool)
    # xarray's own lazy arrays begin at the last row where a backward slice begins before the first (normalize_slice).
    slices = st.builds(slice, bound, bound, step).filter(
        lambda s: (s.step or 1) > 0 or s.start is None or s.start >= -size
    )
    return number | slices | st.lists(number, max_size=8)


@given(st.data())
def test_any_index_gives_what_numpy_gives(three: tuple[xr.Dataset, xr.Dataset], data: st.DataObject) -> None:
    """Numbers, slices and lists along each axis, of lazy rows as of those in memory."""
    lazy, loaded = three
    name = data.draw(st.sampled_from(sorted(map(str, loaded.data_vars))))
    key = {dim: data.draw(_keys(size)) for dim, size in loaded[name].sizes.items()}
    got, want = lazy[name].isel(key), loaded[name].isel(key)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got.values, want.values)


@given(st.data())
def test_points_give_what_numpy_gives(three: tuple[xr.Dataset, xr.Dataset], data: st.DataObject) -> None:
    lazy, loaded = three
    count = data.draw(st.integers(0, 6))
    spectrum = loaded["spectrum"]
    key = {
        dim: xr.DataArray(data.draw(st.lists(st.integers(0, n - 1), min_size=count, max_size=count)), dims="point")
        for dim, n in spectrum.sizes.items()
    }
    key = {dim: index.astype(int) for dim, index in key.items()}
    np.testing.assert_array_equal(lazy["spectrum"].isel(key).values, spectrum.isel(key).values)


def test_layouts_of_files_that_became_others_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose description changes whenever it is written (a comment, a table beside the rows) for weeks."""
    monkeypatch.setattr(rows_index, "_SPARE", 8)
    path, still = tmp_path / "a.nc", tmp_path / "still.nc"
    for here, index in ((str(path), rows_index.Index()), (str(path), rows_index.Index(str(tmp_path / "index.db")))):
        make.netcdf3(still, 0, 3)
        (other,) = index.look([str(still)], rows_index.Asked())
        for number in range(40):
            ds = xr.Dataset(
                {"v": ("time", [1.0], {"comment": f"of {number}"})}, {"time": [np.datetime64("2024", "ns")]}
            )
            ds.to_netcdf(here, engine="netcdf4", format="NETCDF3_64BIT")
            (known,) = index.look([here], rows_index.Asked())
            assert isinstance(known, rows_index.Known)
            assert index.layout(known.signature).rows[0].attrs["comment"] == f"of {number}"
        assert len(index._layouts) <= 2 * 8 + 2
        assert isinstance(other, rows_index.Known) and index.layout(other.signature).time is not None


def test_a_layout_that_is_met_again_is_there_all_the_time(tmp_path: Path) -> None:
    """Rows are read by it in other threads meanwhile."""
    index, path = rows_index.Index(), str(make.parquet(tmp_path / "a.parquet", 0, 40))

    class Watched(OrderedDict[str, Any]):
        def pop(self, signature: str, *default: Any) -> Any:  # type: ignore[override]
            gone = super().pop(signature, *default)
            index.layout(known.signature)
            return gone

    (known,) = index.look([path], rows_index.Asked())
    assert isinstance(known, rows_index.Known)
    index._layouts = Watched(index._layouts)
    with rows_index.containers.opened(path) as container:
        assert index.recognise(path, container, rows_index.Asked()) == (known.signature, index.layout(known.signature))


def test_of_the_index_file_no_layouts_but_those_of_the_files_are_read(tmp_path: Path) -> None:
    path, index = tmp_path / "a.nc", str(tmp_path / "index.db")
    for number in range(5):
        ds = xr.Dataset({"v": ("time", [1.0], {"comment": f"of {number}"})}, {"time": [np.datetime64("2024", "ns")]})
        ds.to_netcdf(path, engine="netcdf4", format="NETCDF3_64BIT")
        rows_index.Index(index).look([str(path)], rows_index.Asked())
    layouts, rows = rows_index.IndexFile(index).recall([str(path)], rows_index.Asked().key)
    assert len(rows) == 1 and [name for name, _ in layouts] == [rows[0][-1]]


def test_more_files_than_are_kept_are_not_looked_through_at_each_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file a minute for sixty days; files of other places are let go of first, and are no more than there may be."""
    monkeypatch.setattr(rows_index, "_MOST", 3)
    looked: list[str] = []
    scan = rows_index.Index._scan
    monkeypatch.setattr(
        rows_index.Index, "_scan", lambda self, path, *rest: looked.append(path) or scan(self, path, *rest)
    )
    files = {name: [str(make.plain(tmp_path / f"{name}{part}.h5", part, 5)) for part in range(7)] for name in "ab"}
    index = rows_index.Index()
    for name in "aabb":
        assert all(isinstance(known, rows_index.Known) for known in index.look(files[name], rows_index.Asked()))
        assert len(index._files) == 7
    assert looked == files["a"] + files["b"]
    index.look(files["a"][:1], rows_index.Asked())
    assert len(index._files) == 3
