"""What is known of each file of an instrument, as plain columns; and curves of it: gaps open, envelopes from afar."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.window import Window
from workbench.raster.envelope import envelope
from workbench.views.curves import GAP, Columns

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

#: Points of a curve; more rows than that in view are drawn as an envelope.
POINTS = 1200
#: Hollow points and marks drawn, the newest ones.
MOST = 400
_TICK = np.timedelta64(1, "ns")


@dataclass(frozen=True, eq=False)
class ByFile:
    """One row a file, in order of time.

    Attributes
    ----------
    time : numpy.ndarray of datetime64[ns], shape (n,)
    names : numpy.ndarray of str, shape (n,)
        ``file_id``; empty where rows have none.
    columns : mapping of str to numpy.ndarray of float64, shape (n,)
    meanings : mapping of int to str
        What the values of ``file_flag`` mean, beside 0.
    """

    time: Times = field(default_factory=lambda: np.empty(0, "M8[ns]"))
    names: npt.NDArray[Any] = field(default_factory=lambda: np.empty(0, object))
    columns: Mapping[str, Floats] = field(default_factory=dict)
    meanings: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time)

    def column(self, name: str) -> Floats:
        """One variable; NaN throughout when there is none of that name."""
        return self.columns[name] if name in self.columns else np.full(len(self), np.nan)

    def within(self, window: Window) -> slice:
        """The rows of `window`."""
        first, stop = np.searchsorted(self.time, np.array([*window], "M8[ns]"))
        return slice(int(first), int(max(first, stop)))

    def nearest(self, time: np.datetime64) -> int:
        """The row nearest in time; -1 when there is none."""
        if not len(self):
            return -1
        after = int(np.searchsorted(self.time, time))
        around = [i for i in (after - 1, after) if 0 <= i < len(self)]
        return min(around, key=lambda i: abs(self.time[i] - time))

    def place(self, name: str) -> int:
        """The row of a file; -1 when it is not there."""
        found = np.flatnonzero(self.names == name)
        return int(found[0]) if name and len(found) else -1

    def among(self, names: Collection[str]) -> npt.NDArray[np.bool_]:
        """Which rows are of these files."""
        return np.isin(self.names.astype(str), list(names)) if names else np.zeros(len(self), np.bool_)

    def flagged(self) -> npt.NDArray[np.intp]:
        """Rows whose file has a flag."""
        flag = self.column("file_flag")
        return np.flatnonzero(np.isfinite(flag) & (flag != 0))

    def meaning(self, row: int) -> str:
        """What the flag of a row says; empty without one."""
        flag = self.column("file_flag")[row]
        return "" if not np.isfinite(flag) or flag == 0 else self.meanings.get(int(flag), f"flag {int(flag)}")


def by_file(ds: xr.Dataset) -> ByFile:
    """The files of a dataset along ``time`` (a row a file) or along ``file`` (particles)."""
    dim = "file" if "file" in ds.dims else "time"
    if "time" not in ds.variables or not ds.sizes.get(dim):
        return ByFile()
    time = ds["time"].to_numpy().astype("datetime64[ns]")
    order = np.argsort(time, kind="stable")
    order = order[~np.isnat(time[order])]
    along = {str(name): array for name, array in ds.data_vars.items() if array.dims == (dim,)}
    names = along["file_id"].to_numpy() if "file_id" in along else np.full(len(time), "", object)
    columns = {
        ("all_count" if name == "row_size" else name): array.to_numpy()[order].astype(np.float64)
        for name, array in along.items() if array.dtype.kind in "fiu"
    }  # fmt: skip
    attrs = along["file_flag"].attrs if "file_flag" in along else {}
    return ByFile(time[order], np.asarray(names[order], object), columns, _meanings(attrs))


def _meanings(attrs: Mapping[str, Any]) -> dict[int, str]:
    values = np.atleast_1d(attrs.get("flag_values", ()))
    words = str(attrs.get("flag_meanings", "")).split()
    return {int(v): text.replace("_", " ").replace("opp", "OPP") for v, text in zip(values, words, strict=False)}


def curve(
    time: Times, values: Floats, window: Window, points: int = POINTS, *, usual: np.timedelta64 | None = None
) -> Columns:
    """Columns time (ms), mean, low, high to draw; a row of NaN in every gap.

    Parameters
    ----------
    time : numpy.ndarray of datetime64[ns], shape (n,)
        In order.
    values : numpy.ndarray of float64, shape (n,)
    window : Window
        What is drawn, with one row more on either side.
    points : int
        More values than that become minimum, mean and maximum of as many bins.
    usual : numpy.timedelta64, optional
        The step at which rows are due; the median step unless told. Where it is `GAP` or less, a longer step than `GAP`
        is a gap; where rows are sparser, one of three times that step.

    Returns
    -------
    dict of numpy.ndarray
        Without a value in the window two rows of NaN at its ends, so that the axes still stand.
    """
    first, stop = np.searchsorted(time, np.array([*window], "M8[ns]"))
    part = slice(max(0, int(first) - 1), int(stop) + 1)
    good = np.isfinite(values[part])
    time, values = time[part][good], values[part][good]
    if not len(time):
        ends = np.array([*window], "M8[ns]").astype(np.int64) / 1e6
        return {"time": ends, **{name: np.full(2, np.nan) for name in ("mean", "low", "high")}}
    stamps = time.astype("datetime64[ns]").astype(np.int64)
    steps = np.diff(stamps)
    due = float(np.median(steps)) if len(steps) else 0.0
    due, limit = due if usual is None else float(usual / _TICK), float(GAP / _TICK)
    limit = 3 * due if due > limit else limit
    bins = envelope(time, values, points)
    at = bins["time"].astype(np.int64)
    if len(at) < len(stamps):  # a gap that is shorter than a bin is not seen
        limit = max(limit, 1.5 * float(stamps[-1] - stamps[0]) / points)
    wide = np.flatnonzero(steps > limit)
    middle = (stamps[wide] + stamps[wide + 1]) // 2
    cuts = np.searchsorted(at, middle)
    told = {"mean": bins["mean"], "low": bins["min"], "high": bins["max"]}
    return {"time": np.insert(at, cuts, middle) / 1e6, **{n: np.insert(v, cuts, np.nan) for n, v in told.items()}}


def held(time: Times, values: Floats, window: Window, end: np.datetime64) -> Columns:
    """Columns of what was set and stays until it is set again: level lines from one setting to the next.

    Parameters
    ----------
    time, values
        As for `curve`: when it was set, and to what.
    window : Window
    end : numpy.datetime64[ns]
        The last setting is known to hold until then.
    """
    good = np.isfinite(values) & ~np.isnat(time)
    time, values = time[good].astype("datetime64[ns]"), values[good]
    start, stop = window.start.astype("datetime64[ns]"), min(window.stop, end).astype("datetime64[ns]")
    first, last = np.searchsorted(time, np.array([start, stop]), side="right")
    inside = slice(int(first), int(last))
    if first > 0:
        time, values = np.r_[start, time[inside]], np.r_[values[first - 1], values[inside]]
    else:
        time, values = time[inside], values[inside]
    if not len(time) or stop <= start:
        return curve(np.empty(0, "M8[ns]"), np.empty(0), window)
    stamps = np.r_[np.repeat(time.astype(np.int64), 2)[1:], stop.astype(np.int64)] / 1e6
    level = np.repeat(values, 2)
    keep = np.r_[True, np.diff(level) != 0] | np.r_[np.diff(level) != 0, True]  # set again to the same is no step
    keep[[0, -1]] = True
    return {"time": stamps[keep], "mean": level[keep], "low": level[keep], "high": level[keep]}


def points(time: Times, values: Floats, chosen: npt.NDArray[np.bool_], window: Window) -> Columns:
    """Columns time (ms), value of chosen rows in the window, the newest `MOST`."""
    inside = np.flatnonzero(chosen & np.isfinite(values) & (time >= window.start) & (time < window.stop))[-MOST:]
    return {"time": time[inside].astype("datetime64[ns]").astype(np.int64) / 1e6, "value": values[inside]}
