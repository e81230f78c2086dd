"""The newest rows of a source, as plain columns of bounded size."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.room import blank, rounded
from workbench.core.variables import MISSING

Array = npt.NDArray[Any]


class Tail:
    """At most `capacity` newest rows, in order of time.

    Columns live in buffers of at most twice that length and are only ever written behind what was handed out, so a
    dataset that was taken stays as it was, and a new row costs no copy of the old ones. Memory grows in few steps
    (`workbench.core.room`).

    Parameters
    ----------
    capacity : int
        Rows kept.
    """

    def __init__(self, capacity: int = 32_768) -> None:
        self.capacity = capacity
        self.dropped = False  #: True once older rows than those kept have been let go
        self._time = np.empty(0, np.int64)
        self._columns: dict[str, Array] = {}
        self._attrs: dict[str, dict[str, Any]] = {}
        self._stop = 0

    def __len__(self) -> int:
        return min(self._stop, self.capacity)

    @property
    def time(self) -> npt.NDArray[np.int64]:
        """Times of the kept rows, int64 ns."""
        return self._time[self._stop - len(self) : self._stop]

    def column(self, name: str) -> Array:
        """One variable of the kept rows. KeyError when no row ever had it."""
        return self._columns[name][self._stop - len(self) : self._stop]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables, without ``time``."""
        return tuple(self._columns)

    def add(
        self, time: npt.NDArray[np.int64], columns: Mapping[str, Array], attrs: Mapping[str, dict[str, Any]]
    ) -> None:
        """Take rows in (int64 ns times, ascending); what is older than the kept rows is let go."""
        kept = self.time
        if len(kept) and len(time) and time[0] < kept[-1]:
            time, columns = self._merge(time, columns)
            self._stop = 0
            self._time = self._time[:0]
        if len(time) > self.capacity:
            self.dropped = True
            columns = {name: values[-self.capacity :] for name, values in columns.items()}
            time = time[-self.capacity :]
        self._attrs.update({name: dict(value) for name, value in attrs.items() if name not in self._attrs})
        self._make_room(len(time))
        end = self._stop + len(time)
        self._time[self._stop : end] = time
        for name in [*columns, *(name for name in self._columns if name not in columns)]:
            self._write(name, columns.get(name), end)
        self.dropped |= end > self.capacity
        self._stop = end

    def dataset(self) -> xr.Dataset:
        """The kept rows along ``time``; views that later rows do not change."""
        data = {name: ("time", self.column(name), self._attrs.get(name, {})) for name in self._columns}
        return xr.Dataset(data, coords={"time": ("time", self.time.view("M8[ns]"), self._attrs.get("time", {}))})

    def _merge(self, time: npt.NDArray[np.int64], columns: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Late rows: all that is kept and the new ones, sorted (equal times stay in the order they came)."""
        old = len(self)
        both = np.concatenate([self.time, time])
        order = np.argsort(both, kind="stable")
        merged: dict[str, Array] = {}
        for name in {**self._columns, **columns}:
            a = self.column(name) if name in self._columns else _missing(columns[name].dtype, name, old)
            b = columns[name] if name in columns else _missing(a.dtype, name, len(time))
            merged[name] = np.concatenate([a, b])[order]
        return both[order], merged

    def _make_room(self, more: int) -> None:
        if self._stop + more <= len(self._time):
            return
        kept = min(len(self), max(self.capacity - more, 0))
        size = 2 * self.capacity if self._stop + more > self.capacity // 4 else rounded(self._stop + more)
        for name, values in {"": self._time, **self._columns}.items():
            buffer = blank(max(size, kept + more), values.dtype)
            buffer[:kept] = values[self._stop - kept : self._stop]
            if name:
                self._columns[name] = buffer
            else:
                self._time = buffer
        self.dropped |= kept < self._stop
        self._stop = kept

    def _write(self, name: str, values: Array | None, end: int) -> None:
        if values is not None and values.dtype.kind == "U":
            values = np.array([sys.intern(text) for text in values.tolist()], dtype=object)  # few texts, many rows
        old = self._columns.get(name)
        if old is None and values is not None:
            before = _missing(values.dtype, name, self._stop)
            old = blank(len(self._time), np.result_type(values, before) if len(before) else values.dtype)
            old[: self._stop] = before
        assert old is not None
        if values is None:
            values = _missing(old.dtype, name, end - self._stop)
        wide = np.result_type(old, values) if values.dtype != old.dtype else old.dtype
        if wide != old.dtype:
            old = old.astype(wide)
        old[self._stop : end] = values
        self._columns[name] = old


def _missing(dtype: np.dtype[Any], name: str, size: int) -> Array:
    """What stands where a row has no such variable: NaN, NaT, the missing flag, no text."""
    if dtype.kind in "OU":
        return np.full(size, "", object)
    if dtype.kind in "Mm":
        return np.full(size, "NaT", dtype)
    if dtype.kind in "iu" and name.endswith("_qc"):
        return np.full(size, MISSING, dtype)
    return np.full(size, np.nan, dtype if dtype.kind == "f" else np.float64)
