"""Long series in few points: what each pixel column holds, and where a line must break."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.datetime64]


def envelope(time: Times, values: npt.ArrayLike, points: int) -> dict[str, npt.NDArray[Any]]:
    """Minimum, maximum, mean and last value in at most `points` bins of equal duration.

    Parameters
    ----------
    time : numpy.ndarray of datetime64, shape (n,)
        In order (rows with the same time are fine).
    values : array of float, shape (n,)
        NaN is a missing value.
    points : int
        Bins between the first and the last row; series that are short enough come back as they are.

    Returns
    -------
    dict of numpy.ndarray
        ``time`` (datetime64[ns]: of the last value in the bin), ``count`` (int64), ``min``, ``max``, ``mean``,
        ``last`` (float64). Bins without values are left out: `breaks` says where the line must not be drawn through.

    Raises
    ------
    ValueError
        When lengths differ, times are out of order, or `points` is less than 1.
    """
    stamps = np.asarray(time).astype("datetime64[ns]").view(np.int64)
    data = np.asarray(values, dtype=np.float64)
    if stamps.shape != data.shape or stamps.ndim != 1:
        raise ValueError(f"times {stamps.shape} and values {data.shape} must be two columns of the same length")
    if points < 1:
        raise ValueError(f"a picture needs points, not {points}")
    there = ~np.isnan(data)
    if not there.all():
        stamps, data = stamps[there], data[there]
    if stamps.size > 1 and (np.diff(stamps) < 0).any():
        raise ValueError("times must be in order; sort the rows first")
    if stamps.size <= points:
        starts = np.arange(stamps.size)
    else:
        starts = _starts(stamps, points)
    return _reduce(stamps, data, starts)


def _starts(stamps: npt.NDArray[np.int64], points: int) -> npt.NDArray[np.int64]:
    """First row of each bin that holds any."""
    width = (int(stamps[-1]) - int(stamps[0])) // points + 1
    edges = int(stamps[0]) + width * np.arange(points, dtype=np.int64)
    return np.unique(np.searchsorted(stamps, edges))[: stamps.size]


def _reduce(
    stamps: npt.NDArray[np.int64], data: npt.NDArray[np.float64], starts: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    starts = starts[starts < stamps.size]
    count = np.diff(starts, append=stamps.size)
    ends = starts + count - 1
    some = starts.size > 0
    return {
        "time": stamps[ends].view("datetime64[ns]"),
        "count": count.astype(np.int64),
        "min": np.minimum.reduceat(data, starts) if some else data,
        "max": np.maximum.reduceat(data, starts) if some else data,
        "mean": np.add.reduceat(data, starts) / count if some else data,
        "last": data[ends],
    }


def gaps(time: Times, limit: np.timedelta64) -> npt.NDArray[np.int64]:
    """Rows after which more than `limit` passes before the next: index i where time[i+1] - time[i] > limit."""
    stamps = np.asarray(time).astype("datetime64[ns]")
    return np.flatnonzero(np.diff(stamps) > np.timedelta64(limit, "ns"))


def breaks(
    columns: dict[str, npt.NDArray[Any]], limit: np.timedelta64, time: str = "time"
) -> dict[str, npt.NDArray[Any]]:
    """The same columns with a row of NaN in every gap, so that a drawn line breaks there.

    Parameters
    ----------
    columns : dict of numpy.ndarray, shape (n,)
        `time` and any others; whole numbers become float64, where rows are added.
    limit : numpy.timedelta64
        A longer step between rows is a gap.
    time : str
        Name of the time column; the added rows stand in the middle of their gap.

    Returns
    -------
    dict of numpy.ndarray
        `columns` themselves when there is no gap.
    """
    stamps = np.asarray(columns[time]).astype("datetime64[ns]")
    after = gaps(stamps, limit)
    if not after.size:
        return columns
    out: dict[str, npt.NDArray[Any]] = {}
    for name, column in columns.items():
        if name == time:
            out[name] = np.insert(stamps, after + 1, stamps[after] + (stamps[after + 1] - stamps[after]) // 2)
        elif np.asarray(column).dtype.kind in "mM":
            out[name] = np.insert(column, after + 1, np.array("NaT", np.asarray(column).dtype))
        else:
            data = np.asarray(column)
            out[name] = np.insert(data if data.dtype.kind == "f" else data.astype(np.float64), after + 1, np.nan)
    return out
