"""Counts to levels: uint8, 0 nothing, 1 to 255 from few to many. The palette is the browser's."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr
from numba import njit

How = Literal["eq_hist", "log", "linear"]


@njit(cache=True, nogil=True)
def _key(count: Any) -> Any:
    """A table index that grows with the count: exact below 2**14, 8,192 steps an octave above."""
    return np.int64(np.float32(count).view(np.uint32) >> np.uint32(10)) - np.int64(0x3F800000 >> 10)


@njit(cache=True, nogil=True)
def _histogram(counts: Any) -> Any:
    highest = np.uint32(0)
    for c in counts:
        highest = max(highest, c)
    table = np.zeros(_key(max(highest, np.uint32(1))) + 1, np.uint32)
    for c in counts:
        if c:
            table[_key(c)] += np.uint32(1)
    return table


@njit(cache=True, nogil=True)
def _apply(counts: Any, table: Any, out: Any) -> None:
    for i in range(counts.size):
        out[i] = table[_key(counts[i])] if counts[i] else 0


def levels(aggregate: Any, how: How = "eq_hist") -> Any:
    """Shade counts.

    Parameters
    ----------
    aggregate : numpy.ndarray of uint32 or xarray.DataArray, shape (y, x)
        Counts.
    how : {"eq_hist", "log", "linear"}
        ``eq_hist``: by rank among the cells that hold something (the same order as datashader's ``eq_hist``);
        ``log``: by the logarithm of the count; ``linear``: by the count.

    Returns
    -------
    numpy.ndarray of uint8 or xarray.DataArray, shape (y, x)
        0 where nothing is; the lowest count is 1, the highest 255 (1 where all counts are the same).

    Raises
    ------
    TypeError, ValueError
        When `aggregate` is not counts, or `how` is none of these.
    """
    if how not in get_args(How):
        raise ValueError(f"levels are made by {', '.join(get_args(How))}, not '{how}'")
    if isinstance(aggregate, xr.DataArray):
        return aggregate.copy(data=levels(aggregate.values, how))
    kind = np.asarray(aggregate).dtype
    if kind.kind != "u" or kind.itemsize > 4:
        raise TypeError(f"levels are made of counts (uint32), not {kind}")
    counts = np.ascontiguousarray(aggregate, dtype=np.uint32).reshape(-1)
    cells = _histogram(counts)
    out = np.empty(counts.size, np.uint8)
    _apply(counts, _shades(cells, how), out)
    return out.reshape(np.shape(aggregate))


def _shades(cells: npt.NDArray[np.uint32], how: How) -> npt.NDArray[np.uint8]:
    """The level of each key."""
    used = np.flatnonzero(cells)
    table = np.zeros(cells.size, np.uint8)
    if used.size == 0:
        return table
    if how == "eq_hist":
        height = np.cumsum(cells[used], dtype=np.float64)
    else:
        height = ((used.astype(np.uint32) << 10) + np.uint32(0x3F800000)).view(np.float32).astype(np.float64)
        if how == "log":
            height = np.log(height)
    span = height[-1] - height[0]
    share = (height - height[0]) / span if span else np.zeros_like(height)
    table[used] = 1 + np.round(share * 254).astype(np.uint8)
    return table
