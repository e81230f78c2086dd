"""Headers that claim more than a file can hold, MATLAB's cells, and what pandas itself wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from tests.alone import peak
from tests.readers import hdf5_files as make
from workbench.core.errors import ReaderError

ROOT = Path(__file__).parents[2]
GIGABYTES = 4 << 30


def opened(path: Path, **options: object) -> xr.Dataset:
    return xr.open_dataset(path, engine="hdf5", **options)


def _claims(path: Path, old: int, new: int) -> Path:
    """The same file, every length of `old` in it said to be `new`."""
    raw = path.read_bytes()
    assert raw.count(old.to_bytes(8, "little")) > 0
    path.write_bytes(raw.replace(old.to_bytes(8, "little"), new.to_bytes(8, "little")))
    return path


@pytest.mark.parametrize("layout", ["contiguous", "chunked", "deflated", "table"])
def test_four_gigabytes_of_rows_in_a_header(tmp_path: Path, layout: str) -> None:
    """A file of kilobytes that claims 4 GB of rows is refused, and no such memory is taken."""
    path, rows = tmp_path / "a.h5", 1237
    how = {"chunked": {"chunks": (64,)}, "deflated": {"chunks": (64,), "compression": "gzip"}}.get(layout, {})
    with h5py.File(path, "w") as file:
        if layout == "table":
            table = np.zeros(rows, [("time", "i8"), ("sst", "f8")])
            table["time"] = 1_700_000_000 + np.arange(rows)
            file["rows"] = table
        else:
            file.create_dataset("time", data=1_700_000_000 + np.arange(rows), **how)
            file.create_dataset("sst", data=np.ones(rows), **how)
    assert opened(path).sizes["time"] == rows
    _claims(path, rows, GIGABYTES // 8)

    def refused() -> None:
        with pytest.raises(ReaderError, match=r"claims|broken"):
            opened(path).load()

    assert peak(refused) < 64 << 20


def test_cells_of_matlab(tmp_path: Path) -> None:
    """A cell of texts is text; a cell of anything else is left out, and asking for it is an error that names others."""
    path = make.matlab(tmp_path / "a.mat", 0, 40)
    with h5py.File(path, "r+") as file:
        texts, mixed = [], []
        for i, word in enumerate(("surface", "deep")):
            file[f"#refs#/t{i}"] = np.frombuffer(word.encode("utf-16-le"), "<u2")[:, None]
            file[f"#refs#/t{i}"].attrs["MATLAB_class"] = np.bytes_(b"char")
            file[f"#refs#/n{i}"] = np.ones((1, i + 1))
            file[f"#refs#/n{i}"].attrs["MATLAB_class"] = np.bytes_(b"double")
            texts.append(file[f"#refs#/t{i}"].ref)
            mixed.append(file[f"#refs#/n{i}"].ref)
        for name, refs in (("stations", texts), ("mixed", mixed)):
            node = file.create_dataset(name, (1, 2), h5py.ref_dtype)
            node[0, :] = refs
            node.attrs["MATLAB_class"] = np.bytes_(b"cell")
    ds = opened(path).load()
    assert ds["stations"].values.tolist() == ["surface", "deep"]
    assert "mixed" not in ds
    with pytest.raises(ReaderError, match="'mixed'"):
        opened(path, variables={"mixed": "mixed"})


WRITE = """
import sys, numpy as np, pandas as pd
path, kind = sys.argv[1:]
n = 60
frame = pd.DataFrame({"sst": 20 + np.arange(n) / 100, "salt": 34 - np.arange(n) / 100, "counts": np.arange(n),
                      "pumping": np.arange(n) % 3 == 0}, index=pd.date_range("2024-01-01", periods=n, freq="s"))
frame.to_hdf(path, key="underway", format=kind)
"""


@pytest.fixture(scope="session")
def pytables() -> dict[str, str]:
    """The environment of a process that has PyTables, which the workbench does not need."""
    place = ROOT / ".cache" / "pytables"
    if not (place / "tables").is_dir():
        wanted = ["tables", "numexpr", "blosc2", "ndindex", "py-cpuinfo", "msgpack"]
        run = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place), *wanted],
                             capture_output=True, text=True)  # fmt: skip
        if run.returncode:
            pytest.skip("PyTables cannot be installed here")
    return {**os.environ, "PYTHONPATH": str(place)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["table", "fixed"])
def test_a_frame_that_pandas_wrote(tmp_path: Path, pytables: dict[str, str], kind: str) -> None:
    """Times, floats, whole numbers and truth, as pandas and PyTables keep them."""
    path = tmp_path / "store.h5"
    subprocess.run([sys.executable, "-c", WRITE, str(path), kind], check=True, env=pytables, capture_output=True)
    ds, rows = opened(path).load(), np.arange(60)
    np.testing.assert_array_equal(ds["time"].values, make.T0 + rows * np.timedelta64(1, "s"))
    np.testing.assert_array_equal(ds["sst"].values, 20 + rows / 100)
    np.testing.assert_array_equal(ds["salt"].values, 34 - rows / 100)
    np.testing.assert_array_equal(ds["counts"].values, rows)
    assert ds["pumping"].dtype == bool
    np.testing.assert_array_equal(ds["pumping"].values, rows % 3 == 0)
