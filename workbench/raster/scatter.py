"""The loops that put points into cells (numba, no GIL held).

Each loop has two stages: the cell of 2,048 points at a time is computed into a buffer that stays in the first-level
cache (the compiler vectorises that), then a scalar loop counts. What lies outside goes to spare cells behind the
picture, so that there is no branch. Pictures are padded by the caller so that a row is an odd number of cache lines:
with rows of a power of two, the crowded columns of real particles fall into a few cache sets and cost ten times more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 2048
SPARE = 16
_LINE = 16  # uint32 cells in a cache line


def stride_of(width: int) -> int:
    """Cells from one row to the next: at least `width`, an odd number of cache lines."""
    return (-(-width // _LINE) | 1) * _LINE


@njit(cache=True, nogil=True)
def scatter_codes(
    x: Any, y: Any, x0: int, shift_x: int, width: int, y0: int, shift_y: int, height: int, stride: int, flat: Any
) -> None:
    """Count uint16 `x`, `y` into `flat` (uint32, height * stride + SPARE cells)."""
    buffer = np.empty(BLOCK, np.uint32)
    left, low = np.int32(x0), np.int32(y0)
    sx, sy = np.uint32(shift_x & 31), np.uint32(shift_y & 31)
    span_x, span_y = np.uint32(width << shift_x), np.uint32(height << shift_y)
    row, spare = np.uint32(stride), np.uint32(height * stride)
    for start in range(0, x.size, BLOCK):
        size = min(BLOCK, x.size - start)
        xs, ys = x[start : start + size], y[start : start + size]
        for i in range(size):
            u = np.uint32(np.int32(xs[i]) - left)
            v = np.uint32(np.int32(ys[i]) - low)
            cell = np.uint32(np.uint32(v >> sy) * row + np.uint32(u >> sx))
            buffer[i] = cell if (u < span_x) & (v < span_y) else np.uint32(spare + np.uint32(i & (SPARE - 1)))
        for i in range(size):
            flat[buffer[i]] += np.uint32(1)


@njit(cache=True, nogil=True)
def drain(flat: Any, stride: int, out: Any) -> None:
    """Add the padded counts to `out` (height, width) and leave `flat` zero."""
    height, width = out.shape
    for r in range(height):
        row = flat[r * stride : r * stride + width]
        target = out[r]
        for c in range(width):
            target[c] += row[c]
            row[c] = 0
    flat[height * stride :] = 0
