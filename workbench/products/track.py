"""The ship's track: fixes in order, spikes flagged, gaps numbered, distance and speed made good."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.variables import FAIL, GOOD, QC_ATTRS, VARIABLES, VariableSpec
from workbench.core.window import duration
from workbench.products.contract import CRUISE, product
from workbench.products.geodesic import distance

#: Metres per second of one knot (1852 m in an hour).
KNOT = 1852 / 3600
#: Fixes may differ by so many metres at any speed: receivers are noisy, and two antennas stand apart.
NOISE = 50.0
#: Speed made good is taken over so many nanoseconds before and after.
_HALF = 5_000_000_000

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


_TIME = ("time",)
PROVIDES = (
    VARIABLES["time"], VARIABLES["latitude"], VARIABLES["longitude"],
    VariableSpec("position_qc", _TIME, "int8", "", None, "quality of the position"),
    VariableSpec("segment", _TIME, "int64", "", None, "piece of track without a gap"),
    VariableSpec("distance", _TIME, "float64", "m", None, "distance sailed"),
    VariableSpec("speed_made_good", _TIME, "float64", "kn", None, "speed made good"),
)  # fmt: skip


@product(reach=CRUISE, provides=PROVIDES)
def track(positions: xr.Dataset, *, max_speed: float = 30.0, max_gap: np.timedelta64 | str = "4min") -> xr.Dataset:
    """The track of a ship from its fixes.

    Parameters
    ----------
    positions : xarray.Dataset
        ``latitude`` and ``longitude`` (degrees) along ``time``, in any order, with gaps and repetitions. Its other
        variables along ``time`` are kept.
    max_speed : float, kn
        Faster than the ship can be.
    max_gap : numpy.timedelta64 or str
        A longer time without a good fix begins a new segment.

    Returns
    -------
    xarray.Dataset
        Along ``time``, sorted, the rows that are fixes (both coordinates there, and possible). Of rows with one time, and of a fix
        that was told twice (equal ``time_instrument`` and position), the first is kept. With

        * ``position_qc`` : int8. QARTOD 1 good, 4 a spike: the ship would have been faster than `max_speed` (and 50 m
          off). Good is the longest chain of fixes that can have been sailed, so that neither one bad fix nor a long
          run of them, at the beginning, between or at the end, spoils the others.
        * ``segment`` : int64. Counts from 0; spikes have their predecessor's.
        * ``distance`` : float64, m. Geodesic, along the good fixes, gaps included; NaN at spikes.
        * ``speed_made_good`` : float64, kn. Between good fixes 5 s before and after (the neighbours where fixes are
          farther apart) of one segment; NaN at spikes and for a fix alone.

    Raises
    ------
    WorkbenchError
        When there are no positions along ``time``.
    """
    ds = positions
    _check(ds)
    gap = duration(max_gap) if isinstance(max_gap, str) else max_gap.astype("timedelta64[ns]")
    rows = _fixes(ds)
    time = ds["time"].values[rows].astype("datetime64[ns]").astype(np.int64)
    lat, lon = (np.asarray(ds[name].values, dtype=np.float64)[rows] for name in ("latitude", "longitude"))
    good = _good(time, lat, lon, max_speed * KNOT)
    steps = distance(lat[good][:-1], lon[good][:-1], lat[good][1:], lon[good][1:])
    new = np.diff(time[good]) > int(gap.astype(np.int64))
    segment = np.concatenate([[0], np.cumsum(new)]).astype(np.int64)[: int(good.sum())]
    out = ds[[name for name, var in ds.variables.items() if "time" in var.dims and name != "time"]].isel(time=rows)
    columns: dict[str, tuple[npt.NDArray[Any], dict[str, Any]]] = {
        "position_qc": (np.where(good, GOOD, FAIL).astype(np.int8), {"long_name": "quality of the position", **QC_ATTRS}),
        "segment": (_held(segment, good), {"long_name": "piece of track without a gap"}),
        "distance": (_at(np.concatenate([[0.0], np.cumsum(steps)])[: len(segment)], good), {"units": "m", "long_name": "distance sailed"}),
        "speed_made_good": (_at(_speed(time[good], lat[good], lon[good], segment), good), {"units": "kn", "long_name": "speed made good"}),
    }  # fmt: skip
    for name, (values, attrs) in columns.items():
        out[name] = ("time", values, attrs)
    for name in ("latitude", "longitude"):
        out[name].attrs = {**VARIABLES[name].attrs(), **ds[name].attrs, "ancillary_variables": "position_qc"}
    return out


def _check(ds: xr.Dataset) -> None:
    for name in ("time", "latitude", "longitude"):
        if name not in ds.variables:
            raise WorkbenchError(f"a track needs '{name}'. {suggest(name, map(str, ds.variables))}")
        if ds[name].dims != ("time",):
            raise WorkbenchError(f"a track needs '{name}' along time, not along {ds[name].dims}")


def _fixes(ds: xr.Dataset) -> Int:
    """Rows that are fixes, each once, in the order of time."""
    time, lat, lon = (ds[name].values for name in ("time", "latitude", "longitude"))
    rows = np.flatnonzero((np.abs(lat) <= 90) & (np.abs(lon) <= 360) & ~np.isnat(time))  # NaN is not below 90
    rows = rows[np.argsort(time[rows], kind="stable")]
    again = np.diff(time[rows]) == np.timedelta64(0, "ns")
    if "time_instrument" in ds.variables and ds["time_instrument"].dims == ("time",):
        told = ds["time_instrument"].values[rows]
        again |= (told[1:] == told[:-1]) & (np.diff(lat[rows]) == 0) & (np.diff(lon[rows]) == 0)
    return np.asarray(rows[np.concatenate([[True], ~again])[: len(rows)]])


def _good(time: Int, lat: Float, lon: Float, fastest: float) -> Bool:
    """Which fixes belong to the longest chain that can have been sailed; `fastest` in m/s."""
    from workbench.products.chain import longest_chain

    return np.asarray(longest_chain(time, np.radians(lat), np.radians(lon), fastest, NOISE))


def _speed(time: Int, lat: Float, lon: Float, segment: Int) -> Float:
    """Speed made good in kn around each fix, within its segment."""
    here = np.arange(len(time))
    edges = np.searchsorted(segment, [segment, segment + 1]).astype(
        np.int64
    )  # where each fix's segment begins and ends
    a = np.maximum(np.minimum(np.searchsorted(time, time - _HALF), here - 1), edges[0])
    b = np.minimum(np.maximum(np.searchsorted(time, time + _HALF, side="right") - 1, here + 1), edges[1] - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(distance(lat[a], lon[a], lat[b], lon[b]) / ((time[b] - time[a]) / 1e9) / KNOT)


def _at(values: Float, good: Bool) -> Float:
    """`values` of the good fixes at all fixes; NaN at the others."""
    out = np.full(len(good), np.nan)
    out[good] = values
    return out


def _held(values: Int, good: Bool) -> Int:
    """`values` of the good fixes at all fixes; the others have the one before, or the first."""
    place = np.maximum(np.cumsum(good) - 1, 0)
    return values[place] if len(values) else np.zeros(len(good), dtype=np.int64)
