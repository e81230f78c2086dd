"""Rows of many files as lazy variables: each file is opened when some of its rows are asked for, and closed again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from workbench.core.errors import ReaderError
from workbench.readers import containers
from workbench.readers.hdf5_file import again
from workbench.readers.rows_columns import Column
from workbench.readers.stored import Array

#: Bytes of all variables that one dask chunk should hold, and rows at most.
CHUNK, ROWS = 64 << 20, 1 << 20


@dataclass(frozen=True)
class Member:
    """One file's part in a table.

    Attributes
    ----------
    path : str
    layout : int
        Which of the table's sets of columns describes it.
    begin, stop : int
        Rows taken.
    picked : tuple of int or None
        Rows taken from between these, where they are not all.
    """

    path: str
    layout: int
    begin: int
    stop: int
    picked: tuple[int, ...] | None = None

    @property
    def rows(self) -> int:
        return self.stop - self.begin if self.picked is None else len(self.picked)


class Table:
    """Files and what their arrays mean; pickled with every variable, so it holds no data."""

    def __init__(
        self, members: Sequence[Member], columns: Sequence[dict[str, Column]], missing: Literal["error", "nan"]
    ) -> None:
        self.members = tuple(members)
        self.columns = tuple(columns)
        self.missing = missing
        self.ends = np.cumsum(np.array([member.rows for member in members], dtype=np.int64))

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def read(self, index: int, name: str, rows: slice, rest: tuple[slice, ...], dtype: np.dtype[Any]) -> Array:
        """Rows of one variable of one member, along its first axis; `rest` are slices of its other axes in order."""
        member = self.members[index]
        column = self.columns[member.layout].get(name)
        count = rows.stop - rows.start
        if column is None:
            like = next(made[name] for made in self.columns if name in made)
            return like.missing((count, *(s.stop - s.start for s in rest))).astype(dtype, copy=False)
        if self.missing == "nan" and not os.path.exists(member.path):
            return column.missing((count, *(s.stop - s.start for s in rest))).astype(dtype, copy=False)
        if member.picked is None:
            begin, stop, at = member.begin + rows.start, member.begin + rows.stop, slice(None)
        else:
            chosen = np.array(member.picked[rows])
            begin, stop = (int(chosen.min()), int(chosen.max()) + 1) if len(chosen) else (0, 0)
            at = chosen - begin  # type: ignore[assignment]
        values = _values(member.path, column, begin, stop, rest, self.missing == "nan")
        return values[at].astype(dtype, copy=False)


@again
def _values(
    path: str, column: Column, begin: int, stop: int, rest: tuple[slice, ...], lenient: bool
) -> Array:  # fmt: skip
    """Rows `begin` to `stop`, the row axis first; refused when the file has not so many any more."""
    axis, where = column.axis, list(rest)
    where.insert(axis, slice(begin, stop))
    wanted = tuple(s.stop - s.start for s in where)
    with containers.opened(path) as container:
        container.sound(column.stored)
        if lenient and hasattr(container, "lenient"):
            container.lenient = True
        if axis == 0 and (there := container.length(column.stored)) < stop:
            if there <= begin:
                return column.missing((stop - begin, *wanted[1:]))
            where[0] = slice(begin, there)
        raw = container.read(column.stored, tuple(where))
    values = column.decode(raw)
    if axis == 0 and len(values) < stop - begin and values.shape[1:] == wanted[1:]:
        # along an unlimited dimension a variable may be written less far than the time is
        values = np.concatenate([values, column.missing((stop - begin - len(values), *wanted[1:]))])
    if values.shape != wanted:
        raise ReaderError(
            path, f"'{column.stored.name}' has another shape than before", expected=wanted, found=values.shape
        )
    return np.moveaxis(values, axis, 0)


class Rows(BackendArray):
    """One variable of a table.

    Parameters
    ----------
    table : Table
    name : str
    dtype : numpy.dtype
    shape : tuple of int
    axis : int
        Which axis runs along the rows.
    """

    def __init__(self, table: Table, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], axis: int) -> None:
        self.table = table
        self.name = name
        self.dtype = np.dtype(dtype)
        self.shape = shape
        self.axis = axis

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        if isinstance(key, indexing.VectorizedIndexer):
            return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._chosen)
        return self._chosen(key.tuple)

    def _chosen(self, key: tuple[Any, ...]) -> Any:
        """Rows first, then whatever is asked of the other axes, which are read between the least and the most."""
        lists = [_listed(k, n) for k, n in zip(key, self.shape, strict=True)]
        others = [one for i, one in enumerate(lists) if i != self.axis]
        rest = tuple(_bounds(one) for one in others)
        out = self._rows(lists[self.axis], rest)
        for i, (one, bounds) in enumerate(zip(others, rest, strict=True)):
            if not _is_run(one):
                out = np.take(out, one - bounds.start, axis=i + 1)
        out = np.moveaxis(out, 0, self.axis)
        single = tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)
        return out[single]

    def _rows(self, rows: npt.NDArray[np.int64], rest: tuple[slice, ...]) -> Array:
        out = np.empty((len(rows), *(s.stop - s.start for s in rest)), dtype=self.dtype)
        which = np.searchsorted(self.table.ends, rows, side="right")
        for index in np.unique(which).tolist():
            here = np.flatnonzero(which == index)
            local = rows[here] - (int(self.table.ends[index - 1]) if index else 0)
            low, high = int(local.min()), int(local.max()) + 1
            block = self.table.read(index, self.name, slice(low, high), rest, self.dtype)
            out[here] = block if _is_run(local) else block[local - low]
        return out


def _listed(key: Any, size: int) -> npt.NDArray[np.int64]:
    """A slice, a number or an array of numbers as an array of numbers that are not negative."""
    if isinstance(key, slice):
        return np.arange(*key.indices(size), dtype=np.int64)
    numbers = np.atleast_1d(np.asarray(key, dtype=np.int64))
    return np.where(numbers < 0, numbers + size, numbers)


def _bounds(numbers: npt.NDArray[np.int64]) -> slice:
    return slice(int(numbers.min()), int(numbers.max()) + 1) if len(numbers) else slice(0, 0)


def _is_run(numbers: npt.NDArray[np.int64]) -> bool:
    """True for numbers that follow each other by one."""
    return len(numbers) < 2 or (
        int(numbers[-1] - numbers[0]) == len(numbers) - 1 and bool((np.diff(numbers) == 1).all())
    )


class Still(BackendArray):
    """A variable without rows, read from one file."""

    def __init__(self, path: str, column: Column) -> None:
        self.path = path
        self.column = column
        self.dtype = np.dtype(column.dtype)
        self.shape = column.stored.shape

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._chosen)

    @again
    def _chosen(self, key: tuple[Any, ...]) -> Any:
        with containers.opened(self.path) as container:
            container.sound(self.column.stored)
            raw = container.read(self.column.stored, tuple(slice(0, n) for n in self.shape))
        return self.column.decode(np.asarray(raw))[key]


def variables(table: Table, target: int = CHUNK) -> dict[str, xr.Variable]:
    """Every variable of a table, lazy, all in the same chunks."""
    made: dict[str, xr.Variable] = {}
    firsts = {name: column for columns in table.columns for name, column in reversed(columns.items())}
    names = [name for columns in table.columns for name in columns]
    width = max((_width(firsts[name]) for name in firsts if firsts[name].axis >= 0), default=8)
    split = chunks([member.rows for member in table.members], max(1, min(ROWS, target // max(width, 1))))
    for name in dict.fromkeys(names):
        kinds = [columns[name] for columns in table.columns if name in columns]
        first = kinds[0]
        if first.axis < 0:
            continue
        dtype = _together(kinds, len(kinds) < len(table.columns), table.missing == "nan")
        shape = tuple(len(table) if dim == "time" else n for dim, n in zip(first.dims, first.stored.shape, strict=True))
        lazy = indexing.LazilyIndexedArray(Rows(table, name, dtype, shape, first.axis))
        made[name] = xr.Variable(first.dims, lazy, dict(first.attrs), encoding={"preferred_chunks": {"time": split}})
    return made


def _width(column: Column) -> int:
    inner = int(
        np.prod([n for dim, n in zip(column.dims, column.stored.shape, strict=True) if dim != "time"], dtype=np.int64)
    )
    return inner * np.dtype(column.dtype).itemsize


def _together(kinds: list[Column], gaps: bool, may_miss: bool) -> np.dtype[Any]:
    dtypes = [np.dtype(column.dtype) for column in kinds]
    if any(dtype.kind == "O" for dtype in dtypes):
        return np.dtype(object)
    dtype = np.result_type(*dtypes)
    return np.dtype("f8") if (gaps or may_miss) and dtype.kind in "iub" else dtype


def chunks(sizes: Sequence[int], target: int) -> tuple[int, ...]:
    """Chunk lengths: small files together, large ones in pieces."""
    out: list[int] = []
    for size in sizes:
        if out and out[-1] + size <= target:
            out[-1] += size
            continue
        out += [target] * (size // target) + ([size % target] if size % target else [])
    return tuple(out) or (0,)
