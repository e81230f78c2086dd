"""The index of many files: what it keeps comes back as it was, and only what changed is looked at again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.readers import hdf5_files as make
from workbench.readers import hdf5, rows_index
from workbench.readers.rows_index import pack, unpack


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
