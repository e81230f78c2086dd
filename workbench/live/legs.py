"""A ship's line for the map: spikes left out, broken at gaps, thinned for drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.variables import GOOD
from workbench.products.track import track

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

#: A longer silence of the position feed breaks the line.
GAP = np.timedelta64(240_000_000_000, "ns")
_NONE = np.timedelta64(0, "ns")


@dataclass(frozen=True)
class Line:
    """Positions in order of time; `cuts` are the rows before which the line breaks."""

    time: Times
    latitude: Floats
    longitude: Floats
    cuts: npt.NDArray[np.int64]


def sail(time: Times, latitude: Floats, longitude: Floats, width: np.timedelta64 = _NONE) -> Line:
    """Leave out missing positions and spikes (`products.track`), and find the gaps.

    Parameters
    ----------
    time : numpy.ndarray of datetime64[ns], shape (n,)
    latitude, longitude : numpy.ndarray of float64, shape (n,)
        Degrees; NaN where a row has no position.
    width : numpy.timedelta64
        Spacing of the positions when they were thinned before: a gap must be that much longer. Where fixes are sparse
        throughout, it must be three of their usual steps.
    """
    there = np.isfinite(latitude) & np.isfinite(longitude)
    time, latitude, longitude = time[there], latitude[there], longitude[there]
    step = np.diff(np.unique(time)).astype(np.int64)
    usual = np.timedelta64(3 * int(np.median(step)) if step.size else 0, "ns")
    fixes = xr.Dataset({"latitude": ("time", latitude), "longitude": ("time", longitude)}, {"time": ("time", time)})
    found = track(fixes, max_gap=max(GAP + width, usual))
    good = found["position_qc"].to_numpy() == GOOD
    cuts = np.flatnonzero(np.diff(found["segment"].to_numpy()[good])) + 1
    time, latitude, longitude = (found[name].to_numpy()[good] for name in ("time", "latitude", "longitude"))
    return Line(time, latitude, longitude, cuts)


def thin(line: Line, points: int) -> Line:
    """About `points` of the positions, evenly, with both ends of every piece of the line."""
    size = line.time.size
    if size <= points:
        return line
    ends = np.concatenate([[0, size - 1], line.cuts, line.cuts - 1])
    take = np.unique(np.concatenate([np.arange(0, size, -(-size // points)), ends]))
    cuts = np.searchsorted(take, line.cuts)
    return Line(line.time[take], line.latitude[take], line.longitude[take], cuts)
