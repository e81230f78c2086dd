"""A variable by time as columns to draw. Nothing here knows Panel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.window import Window
from workbench.views import say

#: A gap over 4 minutes breaks the line.
GAP = np.timedelta64(240_000_000_000, "ns")

Columns = dict[str, npt.NDArray[np.generic]]


def columns(ds: xr.Dataset, variable: str, gap: np.timedelta64 = GAP) -> Columns:
    """Columns time (ms), mean, low, high of one variable, with a row of NaN in every gap.

    Parameters
    ----------
    ds : xarray.Dataset
        dim time; `variable`, and ``<variable>_min``, ``<variable>_max`` where rows were binned.
    variable : str
    gap : numpy.timedelta64
        Longest step that is still one line; where the rows are sparser than that throughout, three times their
        median step.

    Returns
    -------
    dict of numpy.ndarray, shape (n,)
    """
    if variable not in ds or ds.sizes.get("time", 0) == 0:
        return {name: np.empty(0) for name in ("time", "mean", "low", "high")}
    ns = ds["time"].values.astype("datetime64[ns]").astype(np.int64)
    mean = ds[variable].values.astype(float)
    low = ds[f"{variable}_min"].values.astype(float) if f"{variable}_min" in ds else mean
    high = ds[f"{variable}_max"].values.astype(float) if f"{variable}_max" in ds else mean
    steps = np.diff(ns)
    limit = max(gap / np.timedelta64(1, "ns"), 3 * float(np.median(steps)) if steps.size else 0.0)
    cuts = np.flatnonzero(steps > limit) + 1
    middle = (ns[cuts - 1] + ns[cuts]) // 2
    return {
        "time": np.insert(ns, cuts, middle) / 1e6,
        "mean": np.insert(mean, cuts, np.nan),
        "low": np.insert(low, cuts, np.nan),
        "high": np.insert(high, cuts, np.nan),
    }


def shown(ds: xr.Dataset, variable: str, window: Window) -> Columns:
    """The columns to draw: without data, two rows without a value at the ends, so that the axes still stand."""
    told = columns(ds, variable)
    if np.isfinite(told["mean"].astype(float)).any():
        return told
    ends = np.array([say.milliseconds(t) for t in window])
    return {"time": ends, "mean": np.full(2, np.nan), "low": np.zeros(2), "high": np.zeros(2)}
