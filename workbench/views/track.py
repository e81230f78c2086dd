"""Positions as lines on a map, and a variable along them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.angles import is_angle, turned
from workbench.core.window import ALWAYS, Window
from workbench.live.row_feed import RowFeed
from workbench.live.session import Session
from workbench.raster.coastline import unwrap
from workbench.views.names import split
from workbench.views.once import once, slowly

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[np.generic]]
Ring = npt.NDArray[np.float64]

#: Points of a track on the map: as many as a card can tell apart.
POINTS = 1500
#: How far back the newest position is looked for.
_RECENT = np.timedelta64(1_800_000_000_000, "ns")
#: Degrees around a cruise that get the fine coast.
NEAR = 6.0
#: A variable is not carried further than this from its rows.
GAP = np.timedelta64(600_000_000_000, "ns")


@dataclass(frozen=True)
class Voyage:
    """What the map draws.

    Attributes
    ----------
    whole : xarray.Dataset
        The track of the whole cruise: dim time; latitude, longitude (degrees), NaN where the line breaks.
    track : xarray.Dataset
        The selected range, with the colouring variable if there is one.
    colour : str or None
        Name of that variable in `track` (`along_name`).
    newest : tuple of float, float, or None
        Longitude and latitude of the newest position.
    newest_time : numpy.datetime64[ns]
    """

    whole: xr.Dataset
    track: xr.Dataset
    colour: str | None = None
    newest: tuple[float, float] | None = None
    newest_time: np.datetime64 = field(default=np.datetime64("NaT", "ns"))


def positions(track: xr.Dataset, lon0: float) -> tuple[Floats, Floats, Floats]:
    """Continuous longitude around `lon0`, latitude, time (Unix ms)."""
    x = unwrap(track["longitude"].values, lon0)
    ms = track["time"].values.astype("datetime64[ns]").astype(np.int64) / 1e6
    return x, track["latitude"].values.astype(float), ms


def line(track: xr.Dataset, lon0: float) -> Columns:
    """Columns x, y, time of one line with NaN where it breaks."""
    x, y, ms = positions(track, lon0)
    return {"x": x, "y": y, "time": ms}


def segments(track: xr.Dataset, colour: str | None, lon0: float) -> Columns:
    """Columns x0, y0, x1, y1, value, time: one row for each step between two positions.

    ``value`` is the mean of the variable at both ends (the one that is there, where one is missing; of angles the
    short way round), ``time`` that of the later end (Unix ms).
    """
    x, y, ms = positions(track, lon0)
    value, angles = np.full(x.shape, np.nan), False
    if colour and colour in track:
        value, angles = track[colour].values.astype(float), is_angle(colour, track[colour].attrs)
    a, b = value[:-1], value[1:]
    middle = turned(a + ((b - a + 180) % 360 - 180) / 2, value) if angles else (a + b) / 2
    mean = np.where(np.isfinite(a) & np.isfinite(b), middle, np.where(np.isfinite(a), a, b))
    sailed = np.isfinite(x[:-1] + x[1:] + y[:-1] + y[1:])
    rows = {"x0": x[:-1], "y0": y[:-1], "x1": x[1:], "y1": y[1:], "value": mean, "time": ms[1:]}
    return {name: column[sailed] for name, column in rows.items()}


def newest(voyage: Voyage, lon0: float) -> Columns:
    """Columns x, y of the newest position (one row, or none)."""
    if voyage.newest is None or not all(math.isfinite(v) for v in voyage.newest):
        return {"x": np.empty(0), "y": np.empty(0)}
    return {"x": unwrap(np.array([voyage.newest[0]]), lon0), "y": np.array([voyage.newest[1]])}


def columns(voyage: Voyage, lon0: float) -> dict[str, Columns]:
    """The columns of every glyph of the map, by the name of its data source."""
    return {
        "whole": line(voyage.whole, lon0),
        "track": segments(voyage.track, voyage.colour, lon0),
        "newest": newest(voyage, lon0),
    }


def bounds(track: xr.Dataset, lon0: float) -> tuple[float, float, float, float]:
    """West, south, east, north of a track with some room, at least a few miles; an ocean when there is none."""
    x, y, _ = positions(track, lon0)
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return lon0 - 30, -20.0, lon0 + 30, 20.0
    west, east, south, north = (float(v) for v in (x[good].min(), x[good].max(), y[good].min(), y[good].max()))
    room = max(0.015, 0.06 * max(east - west, north - south))
    return west - room, south - room, east + room, north + room


def along(track: xr.Dataset, series: xr.Dataset, variable: str, gap: np.timedelta64 = GAP) -> Floats:
    """A variable at the times of a track: linear between its rows (angles the short way round), NaN where these are too
    far away.

    Parameters
    ----------
    track, series : xarray.Dataset
        dim time; `series` holds `variable`.
    variable : str
    gap : numpy.timedelta64
        Rows further apart are not joined (three times their usual step, where that is longer).

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
    """
    when = track["time"].values.astype("datetime64[ns]").astype(np.int64)
    out = np.full(when.shape, np.nan)
    if variable not in series:
        return out
    value = series[variable].values.astype(float)
    good = np.isfinite(value)
    at, value = series["time"].values.astype("datetime64[ns]").astype(np.int64)[good], value[good]
    if at.size == 0:
        return out
    step = float(np.median(np.diff(at))) if at.size > 1 else 0.0
    limit = max(gap / np.timedelta64(1, "ns"), 3 * step)
    right = np.clip(np.searchsorted(at, when), 0, at.size - 1)
    left = np.clip(right - 1, 0, at.size - 1)
    joined = (when >= at[0]) & (when <= at[-1]) & (at[right] - at[left] <= limit)
    near = np.minimum(np.abs(when - at[left]), np.abs(at[right] - when)) <= limit / 2
    told = joined | near
    angles = is_angle(variable, series[variable].attrs)
    found = np.interp(when, at, np.unwrap(value, period=360) if angles else value)
    out[told] = (turned(found, value) if angles else found)[told]
    return out


def along_name(variable: str) -> str:
    """What a variable that colours a track is called there: beside its own positions, which may be of another source."""
    return f"{variable}_along" if variable in ("latitude", "longitude") else variable


def coloured(track: xr.Dataset, series: xr.Dataset, variable: str) -> xr.Dataset:
    """The track with a variable `along` it, named `along_name`."""
    attrs = series[variable].attrs if variable in series else {}
    return track.assign({along_name(variable): ("time", along(track, series, variable), attrs)})


def limits(value: Floats) -> tuple[float, float]:
    """Ends of the colour bar: the 1st and 99th percentile, rounded outward to three digits."""
    good = value[np.isfinite(value)]
    if good.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(good, (1, 99)))
    step = 10.0 ** np.floor(np.log10(max(high - low, abs(high) * 1e-3, 1e-9))) / 10
    return float(np.floor(low / step) * step), float(np.ceil(high / step + 1e-9) * step)


def land_columns(outlines: Sequence[Ring]) -> dict[str, Floats]:
    """Columns x, y of one patch glyph: all polygons, NaN between them (two buffers instead of two for each island)."""
    gap = np.full((1, 2), np.nan)
    joined = np.concatenate([part for ring in outlines for part in (ring, gap)] or [np.empty((0, 2))])
    return {"x": joined[:, 0], "y": joined[:, 1]}


def voyage_of(session: Session, source: str) -> Voyage:
    """What the session looks at now, of the positions of `source`."""
    feed, window, colour = cast(RowFeed, session.feeds[source]), session.window, session.colour
    whole = slowly(feed, "track", lambda: feed.track(ALWAYS, POINTS))
    track = once(feed, ("track", window), lambda: feed.track(window, POINTS, wait=False))
    if colour and track.sizes["time"]:
        other, variable = split(colour)
        track = once(
            feed,
            ("coloured", window, colour, session.feeds[other].seen),
            lambda: _coloured(track, window, cast(RowFeed, session.feeds[other]), variable),
        )
    newest, time = once(feed, "newest", lambda: _newest(feed))
    return Voyage(whole, track, along_name(split(colour)[1]) or None, newest, time)


def _coloured(track: xr.Dataset, window: Window, other: RowFeed, variable: str) -> xr.Dataset:
    if variable not in other.variables:  # promised by its reader, and not in what came
        return track
    series = once(other, ("colour", variable, window), lambda: other.series(variable, window, POINTS, wait=False))
    return coloured(track, series, variable)


def _newest(feed: Any) -> tuple[tuple[float, float] | None, np.datetime64]:
    """The last position there is (longitude, latitude), and when."""
    newest = feed.newest
    if newest is None:
        return None, np.datetime64("NaT", "ns")
    near = feed.track(Window(newest - _RECENT, newest + np.timedelta64(1, "ns")), POINTS, wait=False)
    good = np.flatnonzero(np.isfinite(near["latitude"].values))
    if not good.size:
        return None, np.datetime64("NaT", "ns")
    last = near.isel(time=int(good[-1]))
    return (float(last["longitude"]), float(last["latitude"])), last["time"].values
