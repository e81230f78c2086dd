"""Distances on the WGS84 ellipsoid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: WGS84: equatorial radius (m) and flattening.
RADIUS = 6378137.0
FLATTENING = 1 / 298.257223563

Degrees = npt.ArrayLike


def distance(lat1: Degrees, lon1: Degrees, lat2: Degrees, lon2: Degrees) -> npt.NDArray[np.float64]:
    """Length of the geodesic between two points, in m; NaN where a coordinate is.

    Good to 1 in 100,000, within 25 degrees of the antipode to 1 in 5,000 and in its last degrees less. Longitudes may be counted either way
    (359 is -1).

    Parameters
    ----------
    lat1, lon1, lat2, lon2 : array_like of float, degrees
        Broadcast against each other.

    Returns
    -------
    numpy.ndarray of float64, m

    Source: W. D. Lambert, "The distance between two widely separated points on the surface of the earth" (1942): the
    central angle on the auxiliary sphere of reduced latitudes by haversines, with the first order in the flattening.
    """
    first, last = (_reduced(np.asarray(lat, dtype=np.float64)) for lat in (lat1, lat2))
    turn = np.radians(np.asarray(lon2, dtype=np.float64) - np.asarray(lon1, dtype=np.float64))
    haversine = np.sin((last - first) / 2) ** 2 + np.cos(first) * np.cos(last) * np.sin(turn / 2) ** 2
    haversine = np.clip(haversine, 0.0, 1.0)
    angle = 2 * np.arcsin(np.sqrt(haversine))
    middle, half = (first + last) / 2, (last - first) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        x = (angle - np.sin(angle)) * (np.sin(middle) * np.cos(half)) ** 2 / (1 - haversine)
        y = (angle + np.sin(angle)) * (np.cos(middle) * np.sin(half)) ** 2 / haversine
    correction = np.where(np.isfinite(x), x, 0.0) + np.where(np.isfinite(y), y, 0.0)
    return np.asarray(RADIUS * (angle - FLATTENING / 2 * correction))


def _reduced(latitude: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Reduced (parametric) latitude in radians."""
    return np.asarray(np.arctan((1 - FLATTENING) * np.tan(np.radians(latitude))))
