"""Which rows of one series belong to which times of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_NAT = np.iinfo(np.int64).min

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Match:
    """Which rows belong to which times.

    ``order`` sorts the rows by time (those without one left out), ``time`` are their times; ``nearest`` is a row for
    each time of the first, or -1; ``group`` is the time of the first that each sorted row goes to, or -1;
    ``before`` and ``share`` give the two rows around each time.
    """

    order: Int
    time: Int
    nearest: Int
    group: Int
    before: Int
    share: Float
    matched: int
    unmatched: int
    rows: int
    unused: int


def match(times: Int, own: Int, tolerance: np.timedelta64 | None, method: str) -> Match:
    """Find the rows for each time.

    Parameters
    ----------
    times, own : numpy.ndarray of int64, ns
        Of the first dataset and of the other, in any order; the smallest int64 (NaT) matches nothing.
    tolerance : numpy.timedelta64 or None
        None: the usual step of the coarser of the two, or half that of the first for "mean".
    method : str
        One of `workbench.products.align.METHODS`: it decides what counts as matched.
    """
    order = np.argsort(own, kind="stable")
    order = order[own[order] != _NAT]
    sorted_times = own[order]
    reach = _reach(times, sorted_times, tolerance, method)
    near = _nearest(sorted_times, times, reach)
    there = np.flatnonzero(times != _NAT)
    there = there[np.argsort(times[there], kind="stable")]
    unique, firsts = np.unique(times[there], return_index=True)
    group = _nearest(unique, sorted_times, reach)
    group = np.where(group >= 0, there[firsts][group] if len(there) else -1, -1)
    before, share, both = _around(sorted_times, times, reach)
    if method == "nearest":
        good, used = near >= 0, np.unique(near[near >= 0]).size
    elif method == "interpolate":
        good = both
        exact = share == 0
        used = np.unique(np.concatenate([before[both], before[both & ~exact] + 1])).size
    else:
        good, used = np.isin(times, times[group[group >= 0]]) & (times != _NAT), int((group >= 0).sum())
    matched = int(good.sum())
    return Match(order, sorted_times, near, group, np.where(both, before, -1), share,
                  matched, len(times) - matched, len(own), len(own) - used)  # fmt: skip


def _reach(times: Int, own: Int, tolerance: np.timedelta64 | None, method: str) -> int:
    """The tolerance in ns."""
    if tolerance is not None:
        return int(tolerance.astype("timedelta64[ns]").astype(np.int64))
    first = _step(times)
    return first // 2 if method == "mean" else max(first, _step(own))


def _step(times: Int) -> int:
    """The usual step between different times; 0 where there are fewer than two."""
    unique = np.unique(times[times != _NAT])
    return int(np.median(np.diff(unique))) if len(unique) > 1 else 0


def _nearest(sorted_times: Int, wanted: Int, reach: int) -> Int:
    """Index of the nearest of `sorted_times` for each wanted one; -1 where none is within `reach`."""
    if not len(sorted_times):
        return np.full(len(wanted), -1)
    right = np.searchsorted(sorted_times, wanted).clip(1, max(len(sorted_times) - 1, 1))
    left = np.minimum(right, len(sorted_times) - 1) - 1 if len(sorted_times) > 1 else np.zeros(len(wanted), np.int64)
    right = np.minimum(right, len(sorted_times) - 1)
    safe = np.where(wanted == _NAT, 0, wanted)
    closer = np.where(np.abs(sorted_times[right] - safe) < np.abs(safe - sorted_times[left]), right, left)
    good = (wanted != _NAT) & (np.abs(sorted_times[closer] - safe) <= reach)
    return np.where(good, closer, -1)


def _around(sorted_times: Int, wanted: Int, reach: int) -> tuple[Int, Float, npt.NDArray[np.bool_]]:
    """The last row at or before each time, how far on the way to the next it is, and whether both are near enough."""
    n = len(sorted_times)
    if not n:
        return np.full(len(wanted), -1), np.zeros(len(wanted)), np.zeros(len(wanted), np.bool_)
    before = np.searchsorted(sorted_times, wanted, side="right") - 1
    a, b = before.clip(0, n - 1), (before + 1).clip(0, n - 1)
    safe = np.where(wanted == _NAT, 0, wanted)
    exact = (before >= 0) & (sorted_times[a] == safe)
    step = np.where(b > a, sorted_times[b] - sorted_times[a], 1)
    share = np.where(exact, 0.0, (safe - sorted_times[a]) / step)
    inside = (before >= 0) & (before < n - 1)
    near = (safe - sorted_times[a] <= reach) & (sorted_times[b] - safe <= reach)
    return a, share, (wanted != _NAT) & (exact | (inside & near))
