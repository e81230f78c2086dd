"""Counts of particles, gathered so that counting (which pays for the whole picture) is called seldom."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.core.viewport import Viewport
from workbench.live.labels import NOBODY
from workbench.raster.code_cells import Codes
from workbench.raster.count import count_by, count_codes

Counts = npt.NDArray[np.uint32]
#: Particles gathered before they are counted.
BATCH = 1 << 19


class Tally:
    """Counts of one viewport, of all particles or by population.

    Parameters
    ----------
    viewport : Viewport
    by : bool
        By population: `counts` has a plane for each.

    Attributes
    ----------
    counts : numpy.ndarray of uint32, shape (height, width), or (populations, height, width)
        As of the last `flush`.
    """

    def __init__(self, viewport: Viewport, by: bool = False) -> None:
        self._viewport, self._by = viewport, by
        self.counts = nothing(viewport, by)
        self._x, self._y = np.empty(BATCH, np.uint16), np.empty(BATCH, np.uint16)
        self._label = np.empty(BATCH if by else 0, np.uint8)
        self._size = 0

    def add(self, x: Codes, y: Codes, label: npt.NDArray[np.uint8] | None = None) -> None:
        """Count these, now or with the next ones."""
        if self._size + x.size > BATCH:
            self.flush()
        if x.size > BATCH:
            self._count(x, y, label)
            return
        end = self._size + x.size
        self._x[self._size : end], self._y[self._size : end] = x, y
        if label is not None:
            self._label[self._size : end] = label
        self._size = end

    def flush(self) -> None:
        """Count what is left."""
        if self._size:
            size, self._size = self._size, 0
            self._count(self._x[:size], self._y[:size], self._label[:size] if self._by else None)

    def _count(self, x: Codes, y: Codes, label: npt.NDArray[np.uint8] | None) -> None:
        if label is None:
            count_codes(x, y, self._viewport, self.counts)
            return
        there = label[label != NOBODY]
        planes = int(there.max()) + 1 if there.size else 0
        if planes > len(self.counts):
            self.counts = plus(self.counts, np.zeros((planes, *self.counts.shape[1:]), np.uint32))
        if len(self.counts):
            count_by(x, y, label, self._viewport, len(self.counts), self.counts)


def nothing(viewport: Viewport, by: bool = False) -> Counts:
    """Counts of no particle."""
    shape = (viewport.height, viewport.width)
    return np.zeros((0, *shape) if by else shape, np.uint32)


def plus(a: Counts, b: Counts, sign: int = 1) -> Counts:
    """``a + b`` (or ``a - b``), where one may have fewer planes."""
    if len(a) < len(b) or a is b:
        a = np.concatenate([a, np.zeros((len(b) - len(a), *b.shape[1:]), np.uint32)])
    else:
        a = a.copy()
    part = a[: len(b)]
    if sign > 0:
        part += b
    else:
        part -= b
    return a
