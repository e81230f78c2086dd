"""The loops that put points into cells (numba, no GIL held).

Each loop has two stages: the cells of 2,048 points at a time are computed into a buffer that stays in the first-level
cache (the compiler vectorises that), then a scalar loop counts. Three things keep real particles as fast as simulated
ones:

- Rows are padded to an odd number of cache lines. With rows of a power of two, the crowded columns of real particles
  fall into a few cache sets and cost ten times more.
- What lies outside goes to one of 16 spare cells in turn, instead of a branch.
- So do the points of the busiest cell of the first block (noise at code 0, saturated particles), where it holds more
  than a twentieth: adding to one cell again and again makes each addition wait for the one before. They are put back
  at the end.

Pictures here are flat: ``height * stride + EXTRA`` cells of uint32; padding and spare cells are zero between calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 2048
EXTRA = 32  # 16 spare cells for what lies outside, 16 for the busiest cell
_LINE = 16  # uint32 cells in a cache line
_NONE = np.uint32(0xFFFFFFFF)


def stride_of(width: int) -> int:
    """Cells from one row to the next: at least `width`, an odd number of cache lines."""
    return (-(-width // _LINE) | 1) * _LINE


@njit(cache=True, nogil=True)
def _in_turn(first: int) -> Any:
    """`first` .. `first` + 15, again and again, for each point of a block."""
    cells = np.empty(BLOCK, np.uint32)
    for i in range(BLOCK):
        cells[i] = first + (i & 15)
    return cells


@njit(cache=True, nogil=True)
def _tally(buffer: Any, size: int, flat: Any) -> None:
    for i in range(size):
        flat[buffer[i]] += np.uint32(1)


@njit(cache=True, nogil=True)
def _busiest(buffer: Any, size: int, spare: int, flat: Any) -> Any:
    """The cell of this block that holds the most, if that is more than a twentieth of it."""
    most, cell = np.uint32(size // 20), _NONE
    for i in range(size):
        if buffer[i] < spare and flat[buffer[i]] > most:
            most, cell = flat[buffer[i]], buffer[i]
    return cell


@njit(cache=True, nogil=True)
def _finish(flat: Any, spare: int, busy: Any) -> None:
    if busy != _NONE:
        flat[busy] += flat[spare + 16 : spare + 32].sum()
    flat[spare : spare + EXTRA] = 0


@njit(cache=True, nogil=True)
def scatter_codes(
    x: Any, y: Any, x0: int, shift_x: int, width: int, y0: int, shift_y: int, height: int, stride: int, flat: Any
) -> None:
    """Count uint16 codes; a cell is ``1 << shift`` codes wide, the first one starts at `x0`, `y0`."""
    buffer = np.empty(BLOCK, np.uint32)
    left, low = np.uint32(np.int32(x0)), np.uint32(np.int32(y0))
    sx, sy, row = np.uint32(shift_x & 31), np.uint32(shift_y & 31), np.uint32(stride)
    span_x, span_y = np.uint32(width << shift_x), np.uint32(height << shift_y)
    whole = x0 == 0 and y0 == 0 and span_x >= 65536 and span_y >= 65536
    spare, busy = height * stride, _NONE
    outside, again = _in_turn(spare), _in_turn(spare + 16)
    for start in range(0, x.size, BLOCK):
        size = min(BLOCK, x.size - start)
        xs, ys = x[start : start + size], y[start : start + size]
        if whole:
            for i in range(size):
                cell = np.uint32(np.uint32(np.uint32(ys[i]) >> sy) * row + np.uint32(np.uint32(xs[i]) >> sx))
                buffer[i] = cell if cell != busy else again[i]
        else:
            for i in range(size):
                u, v = np.uint32(np.uint32(xs[i]) - left), np.uint32(np.uint32(ys[i]) - low)
                cell = np.uint32(np.uint32(v >> sy) * row + np.uint32(u >> sx))
                cell = cell if cell != busy else again[i]
                buffer[i] = cell if (u < span_x) & (v < span_y) else outside[i]
        _tally(buffer, size, flat)
        if start == 0:
            busy = _busiest(buffer, size, spare, flat)
    _finish(flat, spare, busy)


@njit(cache=True, nogil=True)
def scatter_labelled(
    x: Any, y: Any, label: Any, x0: int, shift_x: int, width: int, y0: int, shift_y: int, height: int, stride: int,
    planes: int, flat: Any,
) -> None:  # fmt: skip
    """As `scatter_codes`, into one of `planes` pictures of `height` rows each, by a small unsigned label."""
    buffer = np.empty(BLOCK, np.uint32)
    left, low = np.uint32(np.int32(x0)), np.uint32(np.int32(y0))
    sx, sy, row = np.uint32(shift_x & 31), np.uint32(shift_y & 31), np.uint32(stride)
    span_x, span_y = np.uint32(width << shift_x), np.uint32(height << shift_y)
    whole = x0 == 0 and y0 == 0 and span_x >= 65536 and span_y >= 65536
    plane, count = np.uint32(height * stride), np.uint32(planes)
    spare, busy = planes * height * stride, _NONE
    outside, again = _in_turn(spare), _in_turn(spare + 16)
    for start in range(0, x.size, BLOCK):
        size = min(BLOCK, x.size - start)
        xs, ys, names = x[start : start + size], y[start : start + size], label[start : start + size]
        if whole:
            for i in range(size):
                which = np.uint32(names[i])
                base = np.uint32(np.uint32(np.uint32(ys[i]) >> sy) * row + np.uint32(np.uint32(xs[i]) >> sx))
                cell = np.uint32(np.uint32(which * plane) + base)
                cell = cell if cell != busy else again[i]
                buffer[i] = cell if which < count else outside[i]
        else:
            for i in range(size):
                u, v = np.uint32(np.uint32(xs[i]) - left), np.uint32(np.uint32(ys[i]) - low)
                which = np.uint32(names[i])
                cell = np.uint32(np.uint32(which * plane) + np.uint32(np.uint32(v >> sy) * row) + np.uint32(u >> sx))
                cell = cell if cell != busy else again[i]
                buffer[i] = cell if (u < span_x) & (v < span_y) & (which < count) else outside[i]
        _tally(buffer, size, flat)
        if start == 0:
            busy = _busiest(buffer, size, spare, flat)
    _finish(flat, spare, busy)


@njit(cache=True, nogil=True)
def scatter_values(
    x: Any, y: Any, x0: float, x1: float, width: int, y0: float, y1: float, height: int, stride: int, flat: Any
) -> None:
    """Count numbers of any kind; NaN and what lies outside ``x0 <= x < x1``, ``y0 <= y < y1`` is left out."""
    buffer = np.empty(BLOCK, np.uint32)
    per_x, per_y = width / (x1 - x0), height / (y1 - y0)
    last_x, last_y, row = np.int32(width - 1), np.int32(height - 1), np.int32(stride)
    spare, busy = height * stride, _NONE
    outside, again = _in_turn(spare), _in_turn(spare + 16)
    for start in range(0, x.size, BLOCK):
        size = min(BLOCK, x.size - start)
        xs, ys = x[start : start + size], y[start : start + size]
        for i in range(size):
            a, b = np.float64(xs[i]), np.float64(ys[i])
            inside = (a >= x0) & (a < x1) & (b >= y0) & (b < y1)
            u = min(np.int32((a - x0) * per_x if inside else 0.0), last_x)
            v = min(np.int32((b - y0) * per_y if inside else 0.0), last_y)
            cell = np.uint32(np.int32(v * row) + u)
            cell = cell if cell != busy else again[i]
            buffer[i] = cell if inside else outside[i]
        _tally(buffer, size, flat)
        if start == 0:
            busy = _busiest(buffer, size, spare, flat)
    _finish(flat, spare, busy)


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
