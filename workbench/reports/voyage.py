"""The ship's way of a long cruise, worked out some days at a time: all spikes, and of the good positions enough to draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.variables import FAIL, GOOD
from workbench.products.track import track

#: Rows that are looked at together: at 1 Hz a day and a half.
PIECE = 1 << 17
#: Good positions are kept this far apart, and around each spike.
APART = np.timedelta64(10_000_000_000, "ns")
#: Good positions of the piece before, by which the next one is judged.
_BEFORE = 16


def way_of(ds: xr.Dataset, piece: int = PIECE) -> xr.Dataset:
    """The track of these positions (`products.track`).

    Parameters
    ----------
    ds : xarray.Dataset
        ``latitude``, ``longitude`` along ``time``, in the order of time.
    piece : int
        Rows looked at together.

    Returns
    -------
    xarray.Dataset
        As `track` gives it. Of more than `piece` rows, the good ones are at least ten seconds apart (but for those next
        to a spike and at the ends). Attr ``good`` counts all good positions.
    """
    fixes = ds[["latitude", "longitude"]]
    rows = fixes.sizes["time"]
    if rows <= piece:
        found = track(fixes)
        return found.assign_attrs(good=int((found["position_qc"].values == GOOD).sum()))
    parts: list[xr.Dataset] = []
    tail: xr.Dataset | None = None
    sailed, segment, good = 0.0, 0, 0
    for start in range(0, rows, piece):
        own = fixes.isel(time=slice(start, start + piece))
        found = track(own if tail is None else xr.concat([tail, own], "time"))
        fine = found["position_qc"].values == GOOD
        if not fine.any():
            continue
        known = 0 if tail is None else int((found["time"].values <= tail["time"].values[-1]).sum())
        seen = np.flatnonzero(fine[:known])
        came = float(found["distance"].values[seen[-1]]) if seen.size else 0.0
        before = int(found["segment"].values[seen[-1]]) if seen.size else 0
        found["distance"] = found["distance"] + (sailed - came)
        found["segment"] = found["segment"] + (segment - before)
        at = np.flatnonzero(fine)
        sailed, segment = float(found["distance"].values[at[-1]]), int(found["segment"].values[at[-1]])
        tail = found[["latitude", "longitude"]].isel(time=at[-_BEFORE:])
        good += int(fine[known:].sum())
        parts.append(_thinned(found.isel(time=slice(known, None)), last=start + piece >= rows))
    out = xr.concat(parts, "time") if parts else track(fixes.isel(time=slice(0, 0)))
    return out.assign_attrs(good=good)


def _thinned(way: xr.Dataset, *, last: bool) -> xr.Dataset:
    """All spikes, the good rows beside them, and the first good row of each ten seconds."""
    qc: npt.NDArray[Any] = way["position_qc"].values
    spike = qc == FAIL
    keep = spike.copy()
    keep[1:] |= spike[:-1]
    keep[:-1] |= spike[1:]
    good = np.flatnonzero(qc == GOOD)
    if good.size:
        bins = way["time"].values[good].astype("datetime64[ns]").astype(np.int64) // APART.astype(np.int64)
        keep[good[np.concatenate([[True], np.diff(bins) != 0])]] = True
        keep[good[-1 if last else 0]] = True
        keep[good[np.flatnonzero(np.diff(way["segment"].values[good])) + 1]] = True
        keep[good[np.flatnonzero(np.diff(way["segment"].values[good]))]] = True
    return way.isel(time=np.flatnonzero(keep))
