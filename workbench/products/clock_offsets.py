"""How far the clock of an instrument is from the logger's, hour by hour."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.products.clock_offset import clock_offset
from workbench.products.contract import product

_TIME = ("time",)
_HOUR = np.timedelta64(3600, "s").astype("timedelta64[ns]")
PROVIDES = (
    VARIABLES["time"],
    VariableSpec("offset", _TIME, "float64", "s", None, "logger minus instrument"),
    VariableSpec("spread", _TIME, "float64", "s", None, "spread of the offset"),
    VariableSpec("rows", _TIME, "int64", "1", None, "rows used"),
)


@product(reach=_HOUR, provides=PROVIDES)
def clock_offsets(feed: xr.Dataset) -> xr.Dataset:
    """Clock offset: logger minus instrument, the median of each hour.

    Parameters
    ----------
    feed : xarray.Dataset
        ``time`` (when the logger received a row) and ``time_instrument`` (what the instrument said) along ``time``.

    Returns
    -------
    xarray.Dataset
        Along ``time``, the beginnings of the hours that have rows: ``offset``, ``spread`` and ``rows`` as
        `workbench.products.clock_offset.clock_offset` gives them.

    Raises
    ------
    WorkbenchError
        When one of the two times is not there.
    """
    for name in ("time", "time_instrument"):
        if name not in feed.variables:
            raise WorkbenchError(f"a clock offset needs '{name}'. {suggest(name, map(str, feed.variables))}")
    kept = feed[[name for name in ("time_instrument", "sentence") if name in feed.variables]].load()
    time = kept["time"].to_numpy().astype("datetime64[ns]")
    dated = np.flatnonzero(~np.isnat(time))
    hour = time[dated].astype("datetime64[h]")
    hours, first = np.unique(hour, return_index=True)
    order = np.argsort(hour, kind="stable")
    groups = np.split(dated[order], np.cumsum(np.bincount(np.searchsorted(hours, hour), minlength=len(hours)))[:-1])
    each = [clock_offset(kept.isel(time=group)) for group in groups[: len(first)]]
    ds = xr.Dataset(
        {
            "offset": ("time", np.array([float(one["offset"]) for one in each])),
            "spread": ("time", np.array([float(one["spread"]) for one in each])),
            "rows": ("time", np.array([int(one["rows"]) for one in each], dtype=np.int64)),
        },
        {"time": hours.astype("datetime64[ns]")},
    )
    for spec in PROVIDES[1:]:
        ds[spec.name].attrs |= spec.attrs()
    return ds
