"""Rows of the record as datasets: lazily, one chunk a day, or at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from workbench.record.columns import Column
from workbench.record.look import Look, Rolled, Stamps, promised, starts, times_of
from workbench.record.meta import Meta


class Daily(BackendArray):
    """One variable of a table, read day by day when it is asked for."""

    def __init__(self, look: Look, column: Column) -> None:
        self.look = look
        self.column = column
        self.ends = np.cumsum(look.sizes, dtype=np.int64)
        self.dtype = np.dtype(column.dtype)
        self.shape = (int(self.ends[-1]) if len(self.ends) else 0, *_lengths(look.meta, column))

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        # Only what picks single cells goes through xarray's adapter: it fails on empty slices that step back.
        if isinstance(key, indexing.VectorizedIndexer) and len(self.shape) > 1:
            return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._outer)
        return self._outer(key.tuple)

    def _outer(self, key: tuple[Any, ...]) -> Any:
        """Each dimension is indexed by itself."""
        wanted, rest = key[0], key[1:]
        if isinstance(wanted, slice):
            start, stop, step = wanted.indices(self.shape[0])
            found = self._rows(start, stop) if step == 1 else self._picked(np.arange(start, stop, step))
        else:
            rows = np.asarray(wanted)
            found = self._picked(rows.ravel()).reshape(rows.shape + self.shape[1:])
        dims_before = 1 if isinstance(wanted, slice) else np.ndim(wanted)
        for axis, index in reversed(list(enumerate(rest, start=dims_before))):
            found = found[(slice(None),) * axis + (index,)]
        return found[()]

    def _read(self, index: int) -> npt.NDArray[Any]:
        part = self.look.parts[index]
        values = values_of(self.look.rows(part, (self.column,)), self.look.meta, self.column)
        promised(len(values), part, self.look.folder)
        return values

    def _picked(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        rows = np.where(rows < 0, rows + self.shape[0], rows)
        out = np.empty(rows.shape + self.shape[1:], dtype=self.dtype)
        indices = np.searchsorted(self.ends, rows, side="right")
        for index in np.unique(indices).tolist():
            here = indices == index
            out[here] = self._read(index)[rows[here] - (int(self.ends[index - 1]) if index else 0)]
        return out

    def _rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        out = np.empty((max(stop - start, 0), *self.shape[1:]), dtype=self.dtype)
        index, at = int(np.searchsorted(self.ends, start, side="right")), start
        while at < stop:
            begin = int(self.ends[index - 1]) if index else 0
            end = min(int(self.ends[index]), stop)
            out[at - start : end - start] = self._read(index)[at - begin : end - begin]
            at, index = end, index + 1
        return out


def _lengths(meta: Meta, column: Column) -> tuple[int, ...]:
    return tuple(len(meta.labels[dim]) for dim in column.dims)


def values_of(rows: pa.Table, meta: Meta, column: Column) -> npt.NDArray[Any]:
    """One variable of rows as an array (time, its further dims); missing where no row says otherwise."""
    if not meta.keys:
        return column.unpack(rows[column.name])
    first = starts(rows)
    place = np.repeat(np.arange(len(first)), np.diff(np.r_[first, rows.num_rows]))
    out = np.full((len(first), *_lengths(meta, column)), column.missing, dtype=np.dtype(column.dtype))
    here = rows[column.name].is_valid().to_numpy()
    where = {"time": place}
    for key in meta.keys:
        labels = rows[key.name].cast(pa.int64()) if key.kind in "Mm" else rows[key.name]
        if key.name not in column.dims:
            here = here & labels.is_null().to_numpy()
            continue
        number = {label: i for i, label in enumerate(meta.labels[key.name])}
        where[key.name] = np.array([number.get(label, -1) for label in labels.to_pylist()], dtype=np.int64)
        here = here & (where[key.name] >= 0)
    out[tuple(where[dim][here] for dim in ("time", *column.dims))] = column.unpack(rows[column.name])[here]
    return out


def lazily(look: Look, stamps: Sequence[Stamps]) -> xr.Dataset:
    """The rows of a look; nothing but times is read.

    Raises
    ------
    Rolled
        When a day has not as many rows any more as it had.
    """
    times = times_of(stamps)
    if len(times) != sum(look.sizes):
        raise Rolled(look.folder, "was rolled while it was opened", hint="Open it again")
    split = {"preferred_chunks": {"time": look.sizes or (0,)}}

    def variable(column: Column) -> xr.Variable:
        lazy = indexing.LazilyIndexedArray(Daily(look, column))
        return xr.Variable(("time", *column.dims), lazy, column.attrs, encoding=dict(split))

    return dataset(look.meta, times, variable)


def at_once(rows: pa.Table, meta: Meta) -> xr.Dataset:
    """Rows with all columns, loaded."""
    time = rows["time"].to_numpy()
    return dataset(
        meta, time[starts(rows)] if meta.keys else time,
        lambda column: xr.Variable(("time", *column.dims), values_of(rows, meta, column), column.attrs),
    )  # fmt: skip


def dataset(meta: Meta, time: npt.NDArray[np.int64], variable: Callable[[Column], xr.Variable]) -> xr.Dataset:
    """The variables of a table under its times and labels."""
    made = {name: variable(column) for name, column in meta.columns.items()}
    made["time"] = xr.Variable("time", time.view("datetime64[ns]"), meta.time_attrs)
    for key in meta.keys:
        made[key.name] = xr.Variable(key.name, key.unpack(key.from_sql(meta.labels[key.name])), key.attrs)
    coords = [column.name for column in meta.columns.values() if column.coord]
    return xr.Dataset(made, attrs=meta.attrs).set_coords([*coords, *(key.name for key in meta.keys)])
