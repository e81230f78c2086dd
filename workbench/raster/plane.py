"""Ranges on the plane of log codes, rounded so that many people ask for the same picture."""

from __future__ import annotations

import math

from workbench.core.codes import SIZE
from workbench.core.viewport import Viewport

#: Cells (per axis) that a picture of `level` has at most: 3/2 level.
_MOST = 3, 2


def snap(x0: float, x1: float, y0: float, y1: float, level: int = 512) -> Viewport:
    """Round a range of log codes outward to a grid that everybody shares.

    A cell is 1, 2, 4 ... codes; edges lie on multiples of level/4 cells. The part of the range that lies on the
    plane (0 to 65536) is covered; a range beside the plane gives the nearest edge.

    Parameters
    ----------
    x0, x1, y0, y1 : float
        Log codes, in either order.
    level : int
        About how many cells the range should have on each axis; a power of two from 16 to 2048. The picture has
        at most 3/2 of it, and (down to 1 code a cell) the range itself at least 1/2.

    Returns
    -------
    Viewport
        The same for all ranges nearby; snapping it again changes nothing.
    """
    if level not in (16, 32, 64, 128, 256, 512, 1024, 2048):
        raise ValueError(f"level is a power of two from 16 to 2048, not {level}")
    left, right, width = _snap_axis(x0, x1, level)
    low, high, height = _snap_axis(y0, y1, level)
    return Viewport(left, right, low, high, width, height)


def _snap_axis(a: float, b: float, level: int) -> tuple[int, int, int]:
    if not (math.isfinite(a) and math.isfinite(b)):
        raise ValueError(f"a range needs two numbers, not {a} and {b}")
    a, b = (min(max(edge, 0), SIZE) for edge in sorted((a, b)))
    tile, most = level // 4, level * _MOST[0] // _MOST[1]
    cell = 1
    while True:
        step = cell * tile
        start = min(math.floor(a / step), SIZE // step - 1) * step
        stop = max(math.ceil(b / step) * step, start + step)
        if (stop - start) // cell <= most:
            return start, stop, (stop - start) // cell
        cell *= 2
