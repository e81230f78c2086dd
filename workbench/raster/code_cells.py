"""Cells of log codes: a viewport on them has whole edges, and 1, 2, 4, 8 ... codes a cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.core.viewport import Viewport

Codes = npt.NDArray[np.uint16]


def check(x: Codes, y: Codes) -> None:
    """Two columns of log codes, of the same length.

    Raises
    ------
    TypeError
        When one is not uint16.
    ValueError
        When lengths differ.
    """
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y must be two columns of the same length, not {x.shape} and {y.shape}")
    if x.dtype != np.uint16 or y.dtype != np.uint16:
        raise TypeError(f"log codes are uint16, not {x.dtype} and {y.dtype}; count() takes other numbers")


def shifts(viewport: Viewport) -> tuple[int, int]:
    """log2 of the codes in a cell, across and up.

    Raises
    ------
    ValueError
        When a cell is not 2**k whole codes.
    """
    v = viewport
    return _shift(v.x0, v.x1, v.width, "x"), _shift(v.y0, v.y1, v.height, "y")


def fit(viewport: Viewport) -> bool:
    """Can log codes be counted in its cells as they are?"""
    try:
        shifts(viewport)
    except ValueError:
        return False
    return True


def _shift(low: float, high: float, cells: int, axis: str) -> int:
    size = (high - low) / cells
    shift = int(size).bit_length() - 1
    if low != int(low) or size < 1 or size != 2**shift or abs(low) > 2**24 or high > 2**24:
        raise ValueError(
            f"{axis} {low}..{high} in {cells} cells: log codes need whole edges and 1, 2, 4, 8 ... codes a cell. "
            "workbench.raster.plane.snap makes such a viewport"
        )
    return shift
