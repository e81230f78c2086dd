"""A dataset as rows: what `Record.append` is given, flat."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xarray as xr

from workbench.core.errors import WorkbenchError
from workbench.record.columns import OURS, SEQ, Column, dumps

#: Attributes of one answer, not of the data.
PASSING = ("refused", "replaces", "more")


@dataclass(frozen=True, eq=False)
class Block:
    """Rows to be kept.

    Attributes
    ----------
    columns : tuple of Column
        The variables.
    keys : tuple of Column
        The dims beyond time, by their labels.
    labels : dict of str to list
        The labels of each of `keys`, in order.
    attrs, time_attrs : dict
        Of the dataset, and of its time.
    rows : pyarrow.Table
        ``time`` (int64 ns), ``_seq`` (how many rows of equal time stand before), the keys, the variables; in the order
        of the dataset.
    timeless : int
        Rows left out because they have no time.
    """

    columns: tuple[Column, ...]
    keys: tuple[Column, ...]
    labels: dict[str, list[Any]]
    attrs: dict[str, Any]
    time_attrs: dict[str, Any]
    rows: pa.Table
    timeless: int

    @classmethod
    def of(cls, table: str, ds: xr.Dataset) -> Block:
        """Take a dataset with dim ``time`` apart; it is loaded.

        Raises
        ------
        WorkbenchError
            When it has no time, or variables that cannot be kept.
        """
        time = ds.variables.get("time")
        if time is None or time.dims != ("time",) or time.dtype.kind != "M":
            raise WorkbenchError(f"table '{table}': rows need a coordinate 'time' (dim time, datetime64), in UTC")
        stamps = time.values.astype("datetime64[ns]")
        good = ~np.isnat(stamps)
        timeless = int((~good).sum())
        if timeless:
            ds, stamps = ds.isel(time=np.flatnonzero(good)), stamps[good]
        columns, arrays = _columns(table, ds)
        keys, labels = _keys(ds, columns)
        rows = _rows(stamps.astype(np.int64), columns, arrays, keys, labels)
        attrs = {str(name): value for name, value in ds.attrs.items() if name not in PASSING}
        return cls(tuple(columns), tuple(keys), labels, attrs, dict(time.attrs), rows, timeless)

    def bare(self) -> Block:
        """The block without its rows."""
        return replace(self, rows=self.rows.slice(0, 0))

    def like(self, other: Block) -> bool:
        """The same variables, labels and attributes."""
        return (
            (self.columns, self.keys, self.labels) == (other.columns, other.keys, other.labels)
            and dumps(self.attrs) == dumps(other.attrs)
            and dumps(self.time_attrs) == dumps(other.time_attrs)
        )


def _columns(table: str, ds: xr.Dataset) -> tuple[list[Column], dict[str, npt.NDArray[Any]]]:
    columns, arrays, coords = [], {}, set(ds.coords)
    for label, array in ds.variables.items():
        name = str(label)
        if name == "time" or array.dims == (name,):
            continue
        if name in OURS:
            raise WorkbenchError(f"table '{table}': '{name}' is a name of the record's own; rename the variable")
        if "time" not in array.dims:
            raise WorkbenchError(
                f"table '{table}': variable '{name}' has dims {array.dims}; the record keeps what has a time. "
                "Drop it, or give it the dim time."
            )
        columns.append(Column.of(name, array, label in coords))
        arrays[name] = np.asarray((array if array.dims == ("time",) else array.transpose("time", ...)).values)
    return columns, arrays


def _keys(ds: xr.Dataset, columns: list[Column]) -> tuple[list[Column], dict[str, list[Any]]]:
    names = list(dict.fromkeys(dim for column in columns for dim in column.dims))
    keys, labels = [], {}
    for name in names:
        array = ds[name].variable
        keys.append(Column.of(name, array, coord=True))
        labels[name] = keys[-1].pack(array.to_numpy()).to_pylist()
        if keys[-1].kind in "Mm":
            labels[name] = keys[-1].pack(array.to_numpy()).cast(pa.int64()).to_pylist()
    return keys, labels


def _rows(
    times: npt.NDArray[np.int64], columns: list[Column], arrays: dict[str, npt.NDArray[Any]], keys: list[Column],
    labels: dict[str, list[Any]],
) -> pa.Table:  # fmt: skip
    parts, seq = [], occurrences(times)
    groups = dict.fromkeys(column.dims for column in columns) or {(): None}
    for dims in groups:
        shape = [len(labels[dim]) for dim in dims]
        each = int(np.prod(shape, dtype=np.int64))
        found: dict[str, pa.Array] = {"time": pa.array(np.repeat(times, each)), SEQ: pa.array(np.repeat(seq, each))}
        places = np.array(list(itertools.product(*(range(size) for size in shape))), dtype=np.int64)
        for key in keys:
            if key.name not in dims:
                found[key.name] = pa.nulls(len(times) * each, key.arrow)
                continue
            of_dim = key.from_sql(labels[key.name])
            taken = np.tile(places[:, dims.index(key.name)], len(times)) if each else np.empty(0, np.int64)
            found[key.name] = of_dim.take(pa.array(taken))
        for column in columns:
            if column.dims == dims:
                found[column.name] = column.pack(arrays[column.name].reshape(-1))
        parts.append(pa.table(found))
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="default")


def occurrences(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each row, how many rows of equal time stand before it."""
    if len(times) < 2:
        return np.zeros(len(times), dtype=np.int64)
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    out = np.empty(len(times), dtype=np.int64)
    out[order] = np.arange(len(times)) - np.repeat(first, np.diff(np.r_[first, len(times)]))
    return out
