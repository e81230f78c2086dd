"""Land, for maps that work without a network: Natural Earth at 1:110 million and 1:50 million.

A map of the Pacific runs on across 180 degrees. So longitudes here are continuous, around a middle `lon0`: a map with
``lon0=180`` shows 0 to 360. The data are made by `convert_coastline`; their origin stands in COASTLINE.md.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

Resolution = Literal["110m", "50m"]
Points = npt.NDArray[np.float64]


def unwrap(lon: npt.ArrayLike, lon0: float) -> npt.NDArray[np.float64]:
    """Longitudes as continuous numbers around `lon0`: ``lon0 - 180 <= result < lon0 + 180``."""
    return np.asarray((np.asarray(lon, dtype=np.float64) - lon0 + 180) % 360 + lon0 - 180)


def middle(lon: npt.ArrayLike) -> float:
    """The `lon0` for a map of these positions: the middle of the arc that holds them, opposite the widest gap.

    Parameters
    ----------
    lon : array of float
        Degrees east in any convention; NaN is left out.

    Returns
    -------
    float
        Whole degrees from -180 to 179; 0 when there are no positions.
    """
    data = np.asarray(lon, dtype=np.float64)
    around = np.unique(data[np.isfinite(data)] % 360)
    if around.size == 0:
        return 0.0
    gap = np.diff(around, append=around[0] + 360)
    widest = int(np.argmax(gap))
    start = around[(widest + 1) % around.size]
    return float((round(start + (360 - gap[widest]) / 2) + 180) % 360 - 180)


def rings(
    lon_min: float, lon_max: float, lat_min: float, lat_max: float, lon0: float = 0.0, resolution: Resolution = "110m"
) -> list[Points]:
    """Polygons of land inside a window, cut at its edges.

    Parameters
    ----------
    lon_min, lon_max : float
        Continuous degrees east, within ``lon0 - 180`` to ``lon0 + 180``; what lies beyond is left out.
    lat_min, lat_max : float
        Degrees north.
    lon0 : float
        Middle of the map.
    resolution : {"110m", "50m"}
        110m for an ocean (125 polygons), 50m for a region (1,400 polygons).

    Returns
    -------
    list of numpy.ndarray of float64, shape (n, 2)
        Longitude and latitude of the corners; the first is not repeated. To be filled, not outlined: cut edges and
        the slit from the Caspian Sea to the Black Sea's shore are edges too.
    """
    if resolution not in get_args(Resolution):
        raise ValueError(f"the coastline is there at {' and '.join(get_args(Resolution))}, not '{resolution}'")
    west, east = max(lon_min, lon0 - 180), min(lon_max, lon0 + 180)
    south, north = max(lat_min, -90.0), min(lat_max, 90.0)
    if not (west < east and south < north):
        return []
    land, boxes, poles = _land(resolution)
    out: list[Points] = []
    for turn in range(int((west - 540) // 360), int((east + 540) // 360) + 1):
        low, high = boxes[:, 0] + turn * 360, boxes[:, 1] + turn * 360
        seen = (low < east) & (high > west) & (boxes[:, 2] < north) & (boxes[:, 3] > south)
        whole = (low >= west) & (high <= east) & (boxes[:, 2] >= south) & (boxes[:, 3] <= north)
        for i in np.flatnonzero(seen):
            ring = land[i] + np.array([turn * 360.0, 0.0])
            out.append(ring if whole[i] else _clip(ring, west, east, south, north))
    out += [_clip(_around_pole(path, west, east), west, east, south, north) for path in poles]
    return [ring for ring in out if len(ring) > 2]


def _clip(ring: Points, west: float, east: float, south: float, north: float) -> Points:
    """What of a polygon lies in the box (Sutherland and Hodgman 1974: one edge of the box after the other)."""
    for axis, edge, sign in ((0, west, 1), (0, east, -1), (1, south, 1), (1, north, -1)):
        depth = (ring[:, axis] - edge) * sign
        inside = depth > 0
        if inside.all():
            continue
        if not inside.any():
            return ring[:0]
        following, deeper = np.roll(ring, -1, axis=0), np.roll(depth, -1)
        crosses = inside != np.roll(inside, -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = ring + (depth / (depth - deeper))[:, None] * (following - ring)
        crossing[:, axis] = edge
        both = np.stack([ring, crossing], axis=1).reshape(-1, 2)
        ring = both[np.stack([inside, crosses], axis=1).reshape(-1)]
    return ring


def _around_pole(path: Points, west: float, east: float) -> Points:
    """One polygon from a shore that runs around the South Pole, long enough for the window: no seam shows."""
    turns = np.arange((west - path[0, 0]) // 360, (east - path[0, 0]) // 360 + 1) * 360
    around = np.array([[turn, 0.0] for turn in turns])
    shore = (path[None, :-1] + around[:, None]).reshape(-1, 2)
    corners = [path[-1] + around[-1], [path[-1, 0] + turns[-1], -90.0], [shore[0, 0], -90.0]]
    return np.concatenate([shore, corners])


@lru_cache
def _land(resolution: str) -> tuple[list[Points], Points, list[Points]]:
    """Rings, their boxes (west, east, south, north), and shores that run around the pole (west to east)."""
    with files("workbench.raster").joinpath("coastline.npz").open("rb") as stream, np.load(stream) as stored:
        data: dict[str, npt.NDArray[Any]] = {
            name: stored[f"{name}_{resolution}"] for name in ("size", "first", "step", "scale", "origin")
        }
    cuts = np.cumsum(data["size"])[:-1]
    grid = [
        first + np.cumsum(step, axis=0, dtype=np.int64)
        for first, step in zip(data["first"], np.split(data["step"], cuts), strict=True)
    ]
    shapes = [ring * data["scale"] + data["origin"] for ring in grid]
    poles = [p if p[0, 0] < p[-1, 0] else p[::-1] for p in shapes if np.isclose(abs(p[-1, 0] - p[0, 0]), 360)]
    land = [p for p in shapes if not np.isclose(abs(p[-1, 0] - p[0, 0]), 360)]
    boxes = np.array([[*p.min(axis=0), *p.max(axis=0)] for p in land])[:, [0, 2, 1, 3]]
    return land, boxes, poles
