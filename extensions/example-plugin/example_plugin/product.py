"""`product: gust`: how much the wind blows over its usual self."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.core.variables import VARIABLES, VariableSpec

GUST = VariableSpec("gust", (), "float64", "m s-1", None, "gust over the mean of a minute", (0, 100))


def gust(wind: xr.Dataset) -> xr.Dataset:
    """Wind speed above its mean over the minute around it, in m s-1; 0 where it is below."""
    time = wind["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    speed = wind["wind_speed"].to_numpy()
    order = np.argsort(time, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(speed[order])])
    first, last = (
        np.searchsorted(time[order], time + edge, side) for edge, side in ((-_HALF, "left"), (_HALF, "right"))
    )
    mean = (total[last] - total[first]) / np.maximum(last - first, 1)
    return xr.Dataset({"gust": ("time", np.maximum(speed - mean, 0), GUST.attrs())}, {"time": wind["time"]})


_HALF = 30_000_000_000
gust.reach = np.timedelta64(_HALF, "ns")
gust.provides = (VARIABLES["time"], GUST)
