"""The longest chain of fixes that a ship can have sailed.

Imports numba: import this module inside the function that needs it.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
from __future__ import annotations

import numpy as np
from numba import njit

#: Metres on a sphere as large as the earth's mean radius: good to 0.6 % of a distance.
_EARTH = 6371008.8
#: A fix is joined to one of so many fixes before it, or to one of so many before earlier breaks in the track.
RECENT, ENDS = 64, 128


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _reaches(time, lat, lon, fastest, noise, a, b):
    """Whether a ship can have come from fix `a` to fix `b`: haversines, lat and lon in radians."""
    most = fastest * (time[b] - time[a]) * 1e-9 + noise
    north = np.sin((lat[b] - lat[a]) / 2)
    if 2 * _EARTH * abs(north) > most:
        return False
    east = np.sin((lon[b] - lon[a]) / 2)
    return 2 * _EARTH * np.arcsin(min(1.0, np.sqrt(north**2 + np.cos(lat[a]) * np.cos(lat[b]) * east**2))) <= most


@njit(cache=True, nogil=True, error_model="numpy")
def longest_chain(time, lat, lon, fastest, noise):
    """Choose fixes such that each can be reached from the one before, as many as possible.

    Dynamic programming from the first fix to the last: the longest chain that ends in a fix is one longer than the
    longest one that it can be reached from. Looked at are the fix before, where that ends a longest chain so far (on
    a clean track always), else the last `RECENT` fixes and some just before breaks: the `ENDS` with the longest chains.

    Parameters
    ----------
    time : int64[n], ns
        Ascending.
    lat, lon : float64[n], radians
    fastest : float, m/s
    noise : float, m
        What fixes may differ by at any speed.

    Returns
    -------
    bool[n]
        True where a fix is in the chain.
    """
    n = len(time)
    length, before = np.ones(n, np.int64), np.full(n, -1, np.int64)
    ends, held, top = np.zeros(ENDS, np.int64), 0, 0
    for i in range(1, n):
        if length[i - 1] >= length[top] and _reaches(time, lat, lon, fastest, noise, i - 1, i):
            best = i - 1
        else:
            if not _reaches(time, lat, lon, fastest, noise, i - 1, i):
                held = _hold(ends, held, length, i)
            best, recent = -1, min(i, RECENT)
            for k in range(recent + held):
                j = i - 1 - k if k < recent else ends[k - recent]
                if (best < 0 or length[j] > length[best]) and _reaches(time, lat, lon, fastest, noise, j, i):
                    best = j
        if best >= 0:
            length[i], before[i] = length[best] + 1, best
        if length[i] >= length[top]:
            top = i
    chain = np.zeros(n, np.bool_)
    i = top if n else -1
    while i >= 0:
        chain[i] = True
        i = before[i]
    return chain


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _hold(ends, held, length, i):
    """Remember some fixes before a break at `i`, in place of those with the shortest chains; how many there are."""
    for back in (1, 2, 4, 8):
        if back <= i and held < len(ends):
            ends[held] = i - back
            held += 1
        elif back <= i:
            least = 0
            for k in range(1, held):
                if length[ends[k]] < length[ends[least]]:
                    least = k
            if length[i - back] > length[ends[least]]:
                ends[least] = i - back
    return held
