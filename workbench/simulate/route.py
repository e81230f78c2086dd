"""Where the ship is: Funafuti to Honolulu, zigzag across the antimeridian to the equator, with stations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.simulate.chance import Floats, uniform

#: Latitude, longitude (degrees east, continuous across the antimeridian), hours on station. All of it is open sea.
WAYPOINTS = (
    (-8.40, 179.52, 0.0), (-7.00, 180.50, 4.0), (-4.20, 179.20, 4.0), (-1.50, 181.00, 5.0), (0.00, 182.00, 8.0),
    (2.00, 183.00, 4.0), (5.00, 185.97, 4.0), (8.00, 188.94, 5.0), (11.00, 191.91, 4.0), (14.00, 194.88, 4.0),
    (17.00, 197.85, 4.0), (19.20, 200.02, 4.0), (21.20, 202.05, 24.0),
)  # fmt: skip
_NM = 1852.0
_DEGREE = 60 * _NM
_RAMP = 600.0
_DAY = 86400.0


@dataclass(frozen=True)
class Segment:
    """One transit or station: from `start` to `stop` (s since the cruise began), place to place (lat, lon)."""

    start: float
    stop: float
    origin: tuple[float, float]
    target: tuple[float, float]
    station: bool


def metres(origin: tuple[float, float], target: tuple[float, float]) -> float:
    """Distance over a few hundred miles: the plane at the mean latitude."""
    north = (target[0] - origin[0]) * _DEGREE
    east = (target[1] - origin[1]) * _DEGREE * np.cos(np.radians((origin[0] + target[0]) / 2))
    return float(np.hypot(north, east))


def segments(seed: int, days: float) -> list[Segment]:
    """Transits at 10.0 to 11.0 kn and drifting stations, there and back until `days` are full."""
    found: list[Segment] = []
    knots = 10.0 + uniform(seed, "speed", np.arange(int(days) + 2 * len(WAYPOINTS)))
    time, here, place, step = 0.0, WAYPOINTS[0][:2], 0, 1
    while time < days * _DAY:
        if not 0 <= place + step < len(WAYPOINTS):
            step = -step
        place += step
        *goal, hours = WAYPOINTS[place]
        speed = float(knots[len(found) // 2]) * _NM / 3600
        stop = time + metres(here, (goal[0], goal[1])) / speed + _RAMP
        found.append(Segment(time, stop, here, (goal[0], goal[1]), False))
        seconds = max(hours, 24.0 if place == 0 else 0.0) * 3600
        drift = 0.1 * seconds / 3600 / 60  # a tenth of a knot to the west
        away = (goal[0], goal[1] - drift if seconds < _DAY else goal[1])
        found.append(Segment(stop, stop + seconds, (goal[0], goal[1]), away, True))
        time, here = stop + seconds, away
    return found


class Track:
    """The ship's way as functions of time.

    Parameters
    ----------
    seed : int
    days : float
        How far the way is laid out.
    """

    def __init__(self, seed: int, days: float) -> None:
        self.segments = segments(seed, days)
        self._start = np.array([s.start for s in self.segments])
        self._stop = np.array([s.stop for s in self.segments])
        self._from = np.array([s.origin for s in self.segments]).T
        self._to = np.array([s.target for s in self.segments]).T
        self._station = np.array([s.station for s in self.segments])

    def position(self, seconds: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Latitude and continuous longitude (degrees east, 179 to 202) at `seconds` since the start, float64 (n,)."""
        t = np.asarray(seconds, dtype=np.float64)
        i = np.clip(np.searchsorted(self._start, t, side="right") - 1, 0, len(self._start) - 1)
        whole = self._stop[i] - self._start[i]
        gone = np.clip(t - self._start[i], 0.0, whole)
        station = self._station[i]
        share = np.where(station, gone / np.maximum(whole, 1.0), _trapezoid(gone, whole))
        circling = np.where(station, np.clip(np.minimum(gone, whole - gone) / _RAMP, 0, 1), 0.0) * 4e-4
        angle = 2 * np.pi * gone / 1700
        latitude = self._from[0][i] + (self._to[0] - self._from[0])[i] * share + circling * np.sin(angle)
        longitude = self._from[1][i] + (self._to[1] - self._from[1])[i] * share + circling * (1 - np.cos(angle))
        return latitude, longitude

    def motion(self, seconds: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Speed over ground (kn) and course (degrees, 0 to 360), float64 (n,)."""
        t = np.asarray(seconds, dtype=np.float64)
        lat0, lon0 = self.position(np.maximum(t - 0.5, 0.0))
        lat1, lon1 = self.position(np.maximum(t - 0.5, 0.0) + 1.0)
        north = (lat1 - lat0) * _DEGREE
        east = (lon1 - lon0) * _DEGREE * np.cos(np.radians(lat0))
        return np.hypot(north, east) * 3600 / _NM, np.degrees(np.arctan2(east, north)) % 360

    def on_station(self, seconds: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """True where the ship is on station, bool (n,)."""
        i = np.searchsorted(self._start, np.asarray(seconds), side="right") - 1
        return np.asarray(self._station[np.clip(i, 0, len(self._start) - 1)])

    def crossings(self, of: str, value: float, until: float) -> list[float]:
        """Seconds at which latitude or longitude (`of`) passes `value`, to the second."""
        t = np.arange(0.0, until, 60.0)
        which = 0 if of == "latitude" else 1
        side = self.position(t)[which] > value
        found = []
        for k in np.flatnonzero(side[1:] != side[:-1]):
            fine = t[k] + np.arange(61.0)
            past = (self.position(fine)[which] > value) != side[k]
            found.append(float(fine[int(np.argmax(past))]))
        return found


def _trapezoid(gone: Floats, whole: Floats) -> Floats:
    """Share of the way: speed rises over ten minutes, holds, and falls over ten minutes."""
    ramp = np.minimum(_RAMP, whole / 2)
    cruise = np.maximum(whole - ramp, 1.0)  # the way in units of full speed
    left = whole - gone
    middle = gone - ramp / 2
    slow = np.maximum(ramp, 1.0) * 2
    way = np.where(gone < ramp, gone**2 / slow, np.where(left < ramp, cruise - left**2 / slow, middle))
    return np.asarray(way / cruise)
