"""Which positions a ship can have sailed, and where its line breaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

#: A longer silence of the position feed breaks the line.
GAP = np.timedelta64(240_000_000_000, "ns")
#: Faster than any research ship (m/s; 60 kn).
FASTEST = 31.0
#: Seconds by which stamps may be off (many feeds stamp whole seconds).
_SLACK = 2.0
#: How many pieces back the line is taken up again.
_BACK = 32
_EARTH = 6_371_008.8


@dataclass(frozen=True)
class Track:
    """Positions in order of time; `cuts` are the rows before which the line breaks."""

    time: Times
    latitude: Floats
    longitude: Floats
    cuts: npt.NDArray[np.int64]


def sail(time: Times, latitude: Floats, longitude: Floats, width: np.timedelta64 = np.timedelta64(0, "ns")) -> Track:
    """Leave out missing positions and spikes, and find the gaps.

    What is kept is the longest sequence of positions no two of which are farther apart than `FASTEST` allows:
    stretches that cannot follow each other compete by their number of positions, so a wrong first fix, a burst of
    wrong fixes or a feed that alternates with 0 N 0 E loses against the rest.

    Parameters
    ----------
    time : numpy.ndarray of datetime64[ns], shape (n,)
        In order.
    latitude, longitude : numpy.ndarray of float64, shape (n,)
        Degrees; NaN where a row has no position.
    width : numpy.timedelta64
        Spacing of the positions when they were thinned before: a gap must be that much longer.
    """
    good = np.isfinite(latitude) & np.isfinite(longitude) & (np.abs(latitude) <= 90)
    time, latitude, longitude = time[good], latitude[good], longitude[good]
    keep = _longest(time, latitude, longitude)
    time, latitude, longitude = time[keep], latitude[keep], longitude[keep]
    step = np.diff(time)
    limit = GAP + width
    if step.size:
        limit = max(limit, np.timedelta64(3 * int(np.median(step.astype(np.int64))), "ns"))
    return Track(time, latitude, longitude, np.flatnonzero(step > limit) + 1)


def thin(track: Track, points: int) -> Track:
    """About `points` of the positions, evenly, with both ends of every piece of the line."""
    size = track.time.size
    if size <= points:
        return track
    ends = np.concatenate([[0, size - 1], track.cuts, track.cuts - 1])
    take = np.unique(np.concatenate([np.arange(0, size, -(-size // points)), ends]))
    cuts = np.searchsorted(take, track.cuts)
    return Track(track.time[take], track.latitude[take], track.longitude[take], cuts)


def hop(latitude: Floats, longitude: Floats, to_latitude: Floats, to_longitude: Floats) -> Floats:
    """Great-circle distance in metres (haversine, mean radius 6371.0088 km)."""
    a, b = np.radians(latitude), np.radians(to_latitude)
    h = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(np.radians(to_longitude - longitude) / 2) ** 2
    return np.asarray(2 * _EARTH * np.arcsin(np.sqrt(np.clip(h, 0, 1))))


def _longest(time: Times, latitude: Floats, longitude: Floats) -> npt.NDArray[np.bool_]:
    """True for the positions of the longest line that can have been sailed."""
    keep = np.ones(time.size, bool)
    seconds = time.astype("datetime64[ns]").astype(np.int64) / 1e9
    far = hop(latitude[:-1], longitude[:-1], latitude[1:], longitude[1:]) > FASTEST * (np.diff(seconds) + _SLACK)
    if not far.any():
        return keep
    first = np.concatenate([[0], np.flatnonzero(far) + 1])
    last = np.concatenate([first[1:] - 1, [time.size - 1]])
    best = (last - first + 1).astype(np.int64)
    before = np.full(first.size, -1)
    for i in range(1, first.size):
        back = np.arange(max(0, i - _BACK), i)
        e, s = last[back], first[i]
        near = hop(latitude[e], longitude[e], latitude[s], longitude[s]) <= FASTEST * (seconds[s] - seconds[e] + _SLACK)
        if near.any():
            chosen = back[near][np.argmax(best[back[near]])]
            best[i] += best[chosen]
            before[i] = chosen
    keep[:] = False
    i = int(np.argmax(best))
    while i >= 0:
        keep[first[i] : last[i] + 1] = True
        i = int(before[i])
    return keep
