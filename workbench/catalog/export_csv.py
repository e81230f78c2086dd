"""CSV as ERDDAP's ``.csvp``: one table, names with their unit in the first line, times with nine digits.

pandas reads it exactly (before pandas 3 with ``float_precision="round_trip"``)::

    pd.read_csv(path, parse_dates=["time (UTC)"])
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.catalog.csv_words import lines, words
from workbench.catalog.export_parts import Parts
from workbench.catalog.metadata import Told
from workbench.core.errors import WorkbenchError

#: Rows that are text in memory at once.
SLICE = 1 << 15


class CsvFile:
    """A CSV file being written.

    Parameters
    ----------
    path : Path
    parts : Parts
        What is going to be written.
    told : Told

    Raises
    ------
    WorkbenchError
        When the dataset is more than one table.
    """

    def __init__(self, path: Path, parts: Parts, told: Told) -> None:
        ds = parts.ds
        self._particles = "particle" in ds.dims
        if self._particles:
            sizes = ds["row_size"].values.astype(np.int64) if "row_size" in ds.variables else np.empty(0, np.int64)
            self._ends = np.cumsum(sizes)
            self._files = {str(n): a.values for n, a in ds.variables.items() if a.dims == ("file",) and n != "row_size"}
            dims: tuple[str, ...] = ("particle",)
        else:
            dims = max((tuple(map(str, a.dims)) for a in ds.variables.values()), key=len, default=())
            self._files = {}
        odd = [
            str(n)
            for n, a in ds.variables.items()
            if not set(a.dims) <= {*dims, *(["file"] if self._particles else [])}
        ]
        if odd:
            raise WorkbenchError(
                f"{told.source}: {odd[0]} has other dimensions ({', '.join(map(str, ds[odd[0]].dims))}) than the rows "
                f"({', '.join(dims)}), and CSV holds one table. Export it --to netcdf"
            )
        self._dims = dims
        rows = [str(n) for n, a in ds.variables.items() if not (self._particles and "file" in a.dims)]
        self._names = sorted([*self._files, *rows], key=lambda name: (name != "time", name not in dims))
        self._words = {name: words(values) for name, values in self._files.items()}
        with path.open("w", encoding="utf-8", newline="") as text:
            csv.writer(text, lineterminator="\n").writerow([heading(name, ds[name]) for name in self._names])
        self._file = path.open("ab")

    def write(self, block: xr.Dataset, start: int) -> None:
        """Rows from number `start` on, in memory."""
        columns = self._ragged(block) if self._particles else self._rectangular(block)
        rows = max((len(column) for column in columns.values()), default=0)
        for at in range(0, rows, SLICE):
            told = {name: words(column[at : at + SLICE]) for name, column in columns.items()}
            if self._files:
                numbers = np.arange(start + at, start + min(at + SLICE, rows))
                file = np.searchsorted(self._ends, numbers, side="right")
                told |= {name: each.take(file) for name, each in self._words.items()}
            self._file.write(lines([told[name] for name in self._names]))

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _ragged(self, block: xr.Dataset) -> dict[str, npt.NDArray[Any]]:
        return {str(name): array.values for name, array in block.variables.items() if array.dims == ("particle",)}

    def _rectangular(self, block: xr.Dataset) -> dict[str, npt.NDArray[Any]]:
        shape = tuple(block.sizes[dim] for dim in self._dims)
        out = {}
        for name in self._names:
            array = block.variables[name]
            there = tuple(dim for dim in self._dims if dim in array.dims)
            values = array.transpose(*there).values
            lengths = [block.sizes[dim] if dim in there else 1 for dim in self._dims]
            out[name] = np.broadcast_to(values.reshape(lengths), shape).ravel()
        return out


def heading(name: str, array: xr.DataArray) -> str:
    """``sea_water_temperature (degree_Celsius)``; times say UTC, pure numbers and text have no unit."""
    if array.dtype.kind == "M":
        return f"{name} (UTC)"
    if array.dtype.kind == "m":
        return f"{name} (ns)"
    unit = str(array.attrs.get("units", ""))
    return f"{name} ({unit})" if unit and (unit != "1" or array.dtype.kind == "f") else name
