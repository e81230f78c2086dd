"""Pyramids: minimum, maximum, mean and number of values per minute, ten minutes and hour of a rolled day.

``YYYY-MM-DD.bins.arrow`` beside the day's Parquet file, an Arrow file of one batch a level; it belongs to the file with
the same ``id``, and is passed over where it does not.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.core.angles import is_angle
from workbench.record.columns import Column
from workbench.record.days import sync
from workbench.record.meta import Meta
from workbench.record.newest import Newest

SECOND = 1_000_000_000
#: Widths of the levels (ns).
LEVELS = (60 * SECOND, 600 * SECOND, 3600 * SECOND)
_KEY = b"workbench"

Columns = Mapping[str, npt.NDArray[np.float64]]


def path_of(day: Path) -> Path:
    """The pyramid of a day's file."""
    return day.with_name(day.name.removesuffix(".parquet") + ".bins.arrow")


def numeric(column: Column) -> bool:
    """Can its values be put into bins?"""
    return column.kind in "iuf" and not column.dims


def averaged(column: Column) -> bool:
    """False for positions and directions, which are one that was measured: the last one of a bin is taken."""
    at = "latitude" in (column.name, column.attrs.get("standard_name"))
    return not (at or is_angle(column.name, column.attrs))


def numbers(values: npt.NDArray[np.generic], column: Column) -> npt.NDArray[np.float64]:
    """Values as floats, missing ones NaN."""
    plain = values.astype(np.float64)
    return np.where(values == column.missing, np.nan, plain) if column.flags else plain


def grouped(time: npt.NDArray[np.int64], width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The bins of sorted times: their numbers since 1970, and where each begins."""
    bin_of = time // width
    first = np.flatnonzero(np.r_[True, np.diff(bin_of) != 0]) if len(time) else np.empty(0, np.int64)
    return bin_of[first], first


def reduced(
    values: npt.NDArray[np.float64], first: npt.NDArray[np.int64], column: Column
) -> dict[str, npt.NDArray[np.float64]]:
    """Values of each bin as ``count``, ``min``, ``max`` and ``mean`` (see `averaged`); NaN where a bin has none."""
    good = ~np.isnan(values)
    count = np.add.reduceat(good, first, dtype=np.float64) if len(first) else np.empty(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = (np.fmin.reduceat(values, first), np.fmax.reduceat(values, first)) if len(first) else (count, count)
        if column.flags:
            mean = high
        elif averaged(column):
            mean = np.add.reduceat(np.where(good, values, 0), first) / count if len(first) else count
        else:
            mean = _last(values, good, first)
    return {"count": count, "min": low, "max": high, "mean": mean}


def combined(parts: Columns, first: npt.NDArray[np.int64], column: Column) -> dict[str, npt.NDArray[np.float64]]:
    """Neighbouring bins as larger ones."""
    if not len(first):
        return dict(parts)
    count = np.add.reduceat(parts["count"], first)
    low, high = np.fmin.reduceat(parts["min"], first), np.fmax.reduceat(parts["max"], first)
    good = parts["count"] > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        if column.flags:
            mean = high
        elif averaged(column):
            mean = np.add.reduceat(np.where(good, parts["mean"] * parts["count"], 0), first) / count
        else:
            mean = _last(parts["mean"], good, first)
    return {"count": count, "min": low, "max": high, "mean": mean}


def _last(
    values: npt.NDArray[np.float64], good: npt.NDArray[np.bool_], first: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The last value of each group."""
    if not len(first):
        return np.empty(0)
    place = np.maximum.reduceat(np.where(good, np.arange(len(values)), -1), first)
    return np.where(place >= 0, values[place], np.nan)


def write(path: Path, rows: pa.Table, meta: Meta, day: str) -> Path:
    """Write the pyramid of a day's rows into a temporary file beside `path`, and sync it; the temporary file."""
    time = rows["time"].to_numpy()
    columns = [column for column in meta.columns.values() if numeric(column)]
    values = {column.name: numbers(column.unpack(rows[column.name]), column) for column in columns}
    batches = []
    for width in LEVELS:
        number, first = grouped(time, width)
        level = {"_bin": number, "_first": time[first], "_rows": np.diff(np.r_[first, len(time)])}
        for column in columns:
            found = reduced(values[column.name], first, column)
            level[column.name] = found["mean"]
            level |= {f"{column.name}\0{kind}": found[kind] for kind in ("min", "max", "count")}
        batches.append(pa.RecordBatch.from_pydict({name: pa.array(array) for name, array in level.items()}))
    temp = path.with_name(f".{path.name}.parquet.{os.getpid()}.{day[:8]}")
    schema = batches[0].schema.with_metadata({_KEY: day.encode()})
    try:
        with pa.OSFile(os.fspath(temp), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        sync(temp)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    return temp


class Pyramid:
    """The pyramid of one day, mapped into memory."""

    def __init__(self, levels: Mapping[int, pa.RecordBatch]) -> None:
        self._levels = levels
        self._places = {name: i for i, name in enumerate(levels[LEVELS[0]].schema.names)}

    @classmethod
    def of(cls, day: Path, identity: str) -> Pyramid | None:
        """The pyramid that belongs to a day's file; None when there is none."""
        return _opened(os.fspath(path_of(day)), identity)

    def axis(self, level: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Of each bin its number since 1970, its first time, its number of rows."""
        number, first, rows = (self._column(level, name) for name in ("_bin", "_first", "_rows"))
        return number, first, rows

    def values(self, level: int, name: str) -> Columns | None:
        """``count``, ``min``, ``max``, ``mean`` of a variable; None when the day has no such variable."""
        if name not in self._places:
            return None
        return {"mean": self._column(level, name)} | {
            kind: self._column(level, f"{name}\0{kind}") for kind in ("count", "min", "max")
        }

    def _column(self, level: int, name: str) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self._levels[level].column(self._places[name]).to_numpy(zero_copy_only=False)
        return found


_MAPPED: Newest[Pyramid] = Newest(512)


def _mapped(path: str, identity: str) -> Pyramid:
    with pa.memory_map(path) as source, pa.ipc.open_file(source) as file:
        if (file.schema.metadata or {}).get(_KEY) != identity.encode():
            raise ValueError("belongs to another file")
        return Pyramid({width: file.get_batch(i) for i, width in enumerate(LEVELS)})


def _opened(path: str, identity: str) -> Pyramid | None:
    try:
        return _MAPPED.get(path, identity, lambda: _mapped(path, identity))
    except (OSError, ValueError, pa.ArrowException):
        return None
