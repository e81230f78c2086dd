"""Points to counts: how many lie in each cell of a viewport."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

import numpy as np
import numpy.typing as npt

from workbench.core.viewport import Viewport
from workbench.raster.scatter import SPARE, drain, scatter_codes, stride_of

Counts = npt.NDArray[np.uint32]

_mine = local()


@contextmanager
def _scratch(size: int) -> Iterator[Counts]:
    """A zeroed buffer of this thread, kept between calls (fresh pages would cost more than the counting)."""
    flat = getattr(_mine, "flat", None)
    if flat is None or flat.size < size:
        flat = np.zeros(size, np.uint32)
    _mine.flat = None
    yield flat[:size]
    _mine.flat = flat


def _shift(low: float, high: float, cells: int, axis: str) -> int:
    """log2 of the codes in a cell; ValueError when a cell is not a power of two of whole codes."""
    size = (high - low) / cells
    shift = int(size).bit_length() - 1
    if low != int(low) or size < 1 or size != 2**shift:
        raise ValueError(
            f"{axis} {low}..{high} in {cells} cells: log codes need whole edges and 1, 2, 4, 8 ... codes a cell. "
            "plane.snap() makes such a viewport"
        )
    return shift


def count_codes(
    x: npt.NDArray[np.uint16], y: npt.NDArray[np.uint16], viewport: Viewport, out: Counts | None = None
) -> Counts:
    """Count particles given as log codes.

    Parameters
    ----------
    x, y : numpy.ndarray of uint16, shape (n,)
        Log codes; strided columns of a memory map are fine.
    viewport : Viewport
        Whole edges; each axis has 1, 2, 4, 8 ... codes a cell. Codes outside are left out.
    out : numpy.ndarray of uint32, shape (height, width), optional
        Counts to add to.

    Returns
    -------
    numpy.ndarray of uint32, shape (height, width)
        `out`, or new counts. Row 0 holds the lowest y.
    """
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y must be two columns of the same length, not {x.shape} and {y.shape}")
    if x.dtype != np.uint16 or y.dtype != np.uint16:
        raise TypeError(f"log codes are uint16, not {x.dtype} and {y.dtype}; count() takes other numbers")
    v = viewport
    sx, sy = _shift(v.x0, v.x1, v.width, "x"), _shift(v.y0, v.y1, v.height, "y")
    if out is None:
        out = np.zeros((v.height, v.width), np.uint32)
    elif out.shape != (v.height, v.width) or out.dtype != np.uint32:
        raise ValueError(f"out must be uint32 ({v.height}, {v.width}), not {out.dtype} {out.shape}")
    stride = stride_of(v.width)
    with _scratch(v.height * stride + SPARE) as flat:
        scatter_codes(x, y, int(v.x0), sx, v.width, int(v.y0), sy, v.height, stride, flat)
        drain(flat, stride, out)
    return out
