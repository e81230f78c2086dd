"""How far the clock of an instrument is from the logger's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import WorkbenchError, suggest

#: Where sentences differ in how late they are told, those made to tell the time come first.
_PREFERRED = ("ZDA", "RMC", "GGA")
_BINS = 256
_DAY = 86_400_000_000_000


def clock_offset(ds: xr.Dataset) -> xr.Dataset:
    """Logger minus instrument: median, spread, and drift.

    Parameters
    ----------
    ds : xarray.Dataset
        ``time`` (when the logger received a row) and ``time_instrument`` (what the instrument said) along ``time``.
        With ``sentence``, rows of ZDA are used if there are any, else of RMC, else of GGA.

    Returns
    -------
    xarray.Dataset
        Numbers without dims: ``offset`` (s, median), ``spread`` (s, 1.4826 times the median absolute deviation: the
        standard deviation of a normal distribution), ``drift`` (s per day, Theil-Sen slope of the medians of up to 256
        equal spans; of less than an hour it is mostly jitter), and ``rows`` (how many were used). NaN without rows.

    Raises
    ------
    WorkbenchError
        When one of the two times is not there.

    Sources: F. R. Hampel, "The influence curve" (1974) for the spread; P. K. Sen (1968) for the slope.
    """
    for name in ("time", "time_instrument"):
        if name not in ds.variables:
            raise WorkbenchError(f"a clock offset needs '{name}'. {suggest(name, map(str, ds.variables))}")
    time, told = (ds[name].values.astype("datetime64[ns]") for name in ("time", "time_instrument"))
    rows = ~np.isnat(time) & ~np.isnat(told)
    if "sentence" in ds.variables:
        kinds = ds["sentence"].values
        rows = next((own for kind in _PREFERRED if (own := rows & (kinds == kind)).any()), rows)
    at, away = time[rows].astype(np.int64), (time[rows] - told[rows]).astype(np.int64)
    # whole ns until the end: as a float, 20 years of them would be off by 100 ns
    pivot = int(np.partition(away, len(away) // 2)[len(away) // 2]) if len(away) else 0
    around = away - pivot
    middle = _median(around)
    values = {
        "offset": (pivot / 10**9 + middle / 1e9, {"units": "s", "long_name": "logger minus instrument"}),
        "spread": (
            1.4826 * _median(np.abs(around - middle)) / 1e9,
            {"units": "s", "long_name": "spread of the offset"},
        ),
        "drift": (_slope(at, around), {"units": "s d-1", "long_name": "drift of the offset"}),
        "rows": (len(away), {"units": "1", "long_name": "rows used"}),
    }
    return xr.Dataset({name: ((), value, attrs) for name, (value, attrs) in values.items()})


def _median(values: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _slope(at: npt.NDArray[np.int64], away: npt.NDArray[np.int64]) -> float:
    """Theil-Sen slope of the medians of equal spans of time, in s per day; NaN where all is at one time."""
    if not len(at) or at.min() == at.max():
        return float("nan")
    since = at - at.min()
    span = (since.astype(np.float64) / since.max() * _BINS).astype(np.int64).clip(0, _BINS - 1)
    order = np.argsort(span, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(span[order])) + 1)
    x = np.array([np.median(since[group]) for group in groups]) / _DAY
    y = np.array([np.median(away[group]) for group in groups]) / 1e9
    i, j = np.triu_indices(len(x), 1)
    return float(np.median((y[j] - y[i]) / (x[j] - x[i]))) if len(i) else float("nan")
