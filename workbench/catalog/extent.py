"""What is told of rows that nobody keeps: their times, the box around their positions; gone through block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

#: Coarsest first: the steps in which a column of times may be counted, as long as nothing is lost.
STEPS = {"seconds": 1_000_000_000, "milliseconds": 1_000_000, "microseconds": 1000, "nanoseconds": 1}
_MS = 1_000_000
#: Parts of a degree of longitude whose westernmost and easternmost position are known, and how many steps are counted.
_BINS, _MOST = 36_000, 200_000
Array = npt.NDArray[Any]


class Extent:
    """Facts about a dataset's times and positions.

    Parameters
    ----------
    ds : xarray.Dataset
        Says which variables there are; its rows are not looked at.

    Attributes
    ----------
    names : list of str
        The variables to be looked at: times in memory, and positions along time.
    grows : bool
        Whether times are all there and strictly increasing, as CF wants it of a coordinate variable.
    first, last : numpy.datetime64 or None
    """

    def __init__(self, ds: xr.Dataset) -> None:
        times = [str(n) for n, a in ds.variables.items() if a.dtype.kind == "M" and (a.chunks is None or n == "time")]
        self._steps = {name: next(iter(STEPS)) for name in times if ds[name].chunks is None}
        self._axis = "time" in times and ds["time"].dims == ("time",)
        self.placed = positions(ds)
        self.names = [*times, *(["latitude", "longitude"] if self.placed else [])]
        self.grows = True
        self.first: np.datetime64 | None = None
        self.last: np.datetime64 | None = None
        self._before: np.datetime64 | None = None
        self._gaps: tuple[Array, Array] = np.empty(0, np.int64), np.empty(0, np.int64)
        self._south, self._north = np.inf, -np.inf
        self._west, self._east = np.full(_BINS, np.inf), np.full(_BINS, -np.inf)

    def add(self, block: xr.Dataset) -> None:
        """Look at the next rows."""
        for name, step in self._steps.items():
            self._steps[name] = _coarsest(block[name].values, step)
        if "time" in self.names:
            self._times(np.asarray(block["time"].values).ravel().astype("datetime64[ns]"))
        if self.placed:
            self._places(*(np.asarray(block[name].values, float) for name in ("latitude", "longitude")))

    def step(self, name: str) -> str:
        """The coarsest step that tells the times of a variable exactly; nanoseconds where they are not in memory."""
        return self._steps.get(name, "nanoseconds")

    def coverage(self) -> dict[str, str]:
        """From when to when, and the usual step, as ACDD has it."""
        if self.first is None or self.last is None:
            return {}
        out = {
            "time_coverage_start": f"{np.datetime_as_string(self.first, unit='ms')}Z",
            "time_coverage_end": f"{np.datetime_as_string(self.last, unit='ms')}Z",
            "time_coverage_duration": f"PT{(self.last - self.first) / np.timedelta64(1, 's'):.3f}S",
        }
        gaps, counts = self._gaps
        if len(gaps):
            middle = gaps[np.searchsorted(np.cumsum(counts), (counts.sum() + 1) // 2)]
            out["time_coverage_resolution"] = f"PT{middle / 1000:.3f}S"
        return out

    def place(self) -> dict[str, Any]:
        """The box around the positions; nothing where there are none."""
        if self._north < self._south:
            return {}
        west, east = sides(np.concatenate([self._west[np.isfinite(self._west)], self._east[np.isfinite(self._east)]]))
        south, north = float(self._south), float(self._north)
        corners = [(south, west), (south, east), (north, east), (north, west), (south, west)]
        return {
            "geospatial_lat_min": south, "geospatial_lat_max": north, "geospatial_lat_units": "degrees_north",
            "geospatial_lon_min": west, "geospatial_lon_max": east, "geospatial_lon_units": "degrees_east",
            "geospatial_bounds": f"POLYGON (({', '.join(f'{y:.6f} {x:.6f}' for y, x in corners)}))",
            "geospatial_bounds_crs": "EPSG:4326",
        }  # fmt: skip

    def _times(self, times: Array) -> None:
        missing = np.isnat(times)
        if self._axis and self.grows:
            joined = bool(self._before is not None and len(times) and not times[0] > self._before)
            self.grows = not (joined or missing.any() or (times[1:] <= times[:-1]).any())
        if len(times):
            self._before = times[-1]
        times = times[~missing] if missing.any() else times
        if not len(times):
            return
        times = times if self.grows and self._axis else np.sort(times)  # np.unique would hash them: ten times dearer
        gaps = np.diff(times) if self.last is None or times[0] <= self.last else np.diff(times, prepend=self.last)
        self.first = times[0] if self.first is None else min(self.first, times[0])
        self.last = times[-1] if self.last is None else max(self.last, times[-1])
        self._count(gaps.astype(np.int64)[gaps > np.timedelta64(0)])

    def _count(self, gaps: Array) -> None:
        """How often there was which gap, in ms."""
        known, counts = self._gaps
        new, times = np.unique((gaps + _MS // 2) // _MS, return_counts=True)
        every, where = np.unique(np.concatenate([known, new]), return_inverse=True)
        if len(every) <= _MOST:
            total = np.zeros(len(every), np.int64)
            np.add.at(total, where, np.concatenate([counts, times]))
            self._gaps = every, total

    def _places(self, latitude: Array, longitude: Array) -> None:
        good = np.isfinite(latitude) & np.isfinite(longitude)
        if not good.any():
            return
        latitude, longitude = latitude[good], turned(longitude[good])
        self._south, self._north = min(self._south, latitude.min()), max(self._north, latitude.max())
        bins = np.clip(((longitude + 180) * (_BINS / 360)).astype(np.int64), 0, _BINS - 1)
        np.minimum.at(self._west, bins, longitude)
        np.maximum.at(self._east, bins, longitude)


def positions(ds: xr.Dataset) -> bool:
    """Whether each row says where it was."""
    return {"latitude", "longitude", "time"} <= set(map(str, ds.variables)) and ds["latitude"].dims == ("time",)


def turned(longitude: Array) -> Array:
    """Longitudes from -180 to 180."""
    return np.asarray((longitude + 180) % 360 - 180)


def sides(longitude: Array) -> tuple[float, float]:
    """West and east of the smallest arc around all longitudes; across the antimeridian west is the larger number."""
    every = np.unique(turned(longitude))
    gaps = np.diff(np.concatenate([every, every[:1] + 360]))
    widest = int(np.argmax(gaps))
    return float(every[(widest + 1) % every.size]), float(every[widest])


def _coarsest(values: Array, step: str) -> str:
    times = values.astype("datetime64[ns]")
    whole = times[~np.isnat(times)].astype(np.int64)
    names = list(STEPS)
    return next(name for name in names[names.index(step) :] if STEPS[name] == 1 or not (whole % STEPS[name]).any())
