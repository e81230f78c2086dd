"""A gating as tables of cells: which gate holds everything in a cell, and where only the polygons themselves can tell.

The plane of two channels is cut into cells between grid lines. For a cell that no edge of a polygon comes near, the
test of `holds` gives the same for every particle in it: its sum of crossings can only change across an edge, and
rounding can only deceive within some 1e-15 of one. "Near" is 1e-12 of the largest number at hand: a thousand times that.

A table holds one byte a cell, such that the smallest byte of all planes says who has the particle:

- ``2 k``: gate k (of those evaluated, from 1) holds all of the cell, no earlier gate holds any of it;
- ``2 k - 1``: no gate before k holds any of it, whether k does is to be tested;
- `NONE`: no gate holds any of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.core.codes import to_linear

NONE = 254
#: Most gates that a byte can tell apart.
MOST = 126

#: Codes in a cell (as a shift), cells on an axis. Code 0 has a cell of its own, as noise has it: ``(code + LAST) >> SHIFT``.
SHIFT = 7
LAST = (1 << SHIFT) - 1
CODED = (65536 >> SHIFT) + 1

#: Numbers are put into cells by the leading bits of their float64, 32 cells between 1 and 2, 2 and 4 ... 2048 and 4096;
#: 1 itself, which is code 0, has a cell of its own.
BITS = 47
ONE = 0x3FF0000000000000 >> BITS
VALUED = (12 << (52 - BITS)) + 1

#: Bytes from one column of cells to the next: an odd number of cache lines, and more than either number of cells.
STRIDE = 576
_NEAR, _HUGE = 1e-12, 1e100
_EDGE, _ON = np.uint8(1), np.uint8(2)


def grid_of_codes() -> npt.NDArray[np.float64]:
    """Lines between the cells of log codes, in linear units, float64 (CODED + 1,)."""
    return np.concatenate(
        [[1.0], to_linear(np.append(0, np.arange(1 << SHIFT, 65536, 1 << SHIFT) + 1).astype(np.uint16)), [10.0**3.5]]
    )


def grid_of_values() -> npt.NDArray[np.float64]:
    """Lines between the cells of linear values, float64 (VALUED + 1,)."""
    bits = np.arange(ONE, ONE + VALUED, dtype=np.uint64) << np.uint64(BITS)
    return np.append(1.0, bits.view(np.float64))


@njit(cache=True, nogil=True)
def holds(a: Any, b: Any, corners: Any, first: int, stop: int) -> Any:
    """Whether the polygon of these corners holds a point; its edges are inside, crossings are read by even and odd."""
    inside = False
    j = stop - 1
    for k in range(first, stop):
        x0, y0, x1, y1 = corners[j, 0], corners[j, 1], corners[k, 0], corners[k, 1]
        j = k
        cross = (x1 - x0) * (b - y0) - (y1 - y0) * (a - x0)
        if cross == 0.0 and min(x0, x1) <= a <= max(x0, x1) and min(y0, y1) <= b <= max(y0, y1):
            return True
        if (y0 <= b) != (y1 <= b) and (cross > 0.0) == (y1 > y0):
            inside = not inside
    return inside


@njit(cache=True, nogil=True)
def draw(corners: Any, first: int, stop: int, rank: int, lines: Any, table: Any, edge: Any) -> None:
    """Draw gate number `rank` into the table of its plane, under those drawn before; `edge` is scratch, all 0."""
    cells = lines.size - 1
    scale = max(np.abs(corners[first:stop]).max(), lines[-1])
    near = scale * _NEAR
    left, low = corners[first:stop, 0].min() - near, corners[first:stop, 1].min() - near
    right, top = corners[first:stop, 0].max() + near, corners[first:stop, 1].max() + near
    i0, i1 = _cell(lines, left, cells), _cell(lines, right, cells)
    j0, j1 = _cell(lines, low, cells), _cell(lines, top, cells)
    if scale > _HUGE:
        edge[:cells, :cells] = _EDGE
        i0, i1, j0, j1 = 0, cells - 1, 0, cells - 1
    else:
        j = stop - 1
        for k in range(first, stop):
            _mark(corners[j, 0], corners[j, 1], corners[k, 0], corners[k, 1], near, lines, edge)
            j = k
    sure, unsure = np.uint8(2 * rank), np.uint8(2 * rank - 1)
    for i in range(i0, i1 + 1):
        known = inside = False
        for j in range(j0, j1 + 1):
            found = edge[i, j]
            edge[i, j] = 0
            if found:
                known = False
                table[i, j] = min(table[i, j], sure if found == _ON else unsure)
                continue
            if not known:
                known, inside = True, holds(lines[i], lines[j], corners, first, stop)
            if inside:
                table[i, j] = min(table[i, j], sure)


@njit(cache=True, nogil=True)
def _cell(lines: Any, value: float, cells: int) -> Any:
    return min(max(np.searchsorted(lines, value, side="right") - 1, 0), cells - 1)


@njit(cache=True, nogil=True)
def _mark(x0: float, y0: float, x1: float, y1: float, near: float, lines: Any, edge: Any) -> None:
    """Mark the cells that one edge of a polygon comes near."""
    cells = lines.size - 1
    if x0 > x1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    if x1 + near < lines[0] or x0 - near > lines[cells]:
        return
    for i in range(_cell(lines, x0 - near, cells), _cell(lines, x1 + near, cells) + 1):
        a, b = max(x0, lines[i] - near), min(x1, lines[i + 1] + near)
        ya = y0 if a <= x0 else y0 + (y1 - y0) * ((min(a, x1) - x0) / (x1 - x0))
        yb = y1 if b >= x1 else y0 + (y1 - y0) * ((max(b, x0) - x0) / (x1 - x0))
        low, top = min(ya, yb) - near, max(ya, yb) + near
        if top < lines[0] or low > lines[cells]:
            continue
        for j in range(_cell(lines, low, cells), _cell(lines, top, cells) + 1):
            edge[i, j] = max(edge[i, j], _EDGE)
    _mark_axes(x0, y0, x1, y1, lines, edge)


@njit(cache=True, nogil=True)
def _mark_axes(x0: float, y0: float, x1: float, y1: float, lines: Any, edge: Any) -> None:
    """Particles of code 0 lie exactly on an edge that runs along the axis: they are inside."""
    if lines[0] != lines[1]:
        return
    cells = lines.size - 1
    if x0 == x1 == lines[0]:
        for j in range(cells):
            if min(y0, y1) <= lines[j] and lines[j + 1] <= max(y0, y1):
                edge[0, j] = _ON
    if y0 == y1 == lines[0]:
        for i in range(cells):
            if min(x0, x1) <= lines[i] and lines[i + 1] <= max(x0, x1):
                edge[i, 0] = _ON
