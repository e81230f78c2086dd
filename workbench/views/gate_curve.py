"""A polygon with edges straight in linear units, as the curve that it is on log axes (``gate_curve.js`` is its twin).

Only what is drawn is densified; the corners themselves are never touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_log

Floats = npt.NDArray[np.float64]

#: Log codes between two points of a curve, on either axis.
STEP = 600.0
#: Linear values below are drawn here: left of and below every view (log axes have no 0).
FLOOR = 0.5
#: Parts of an edge that are no step of their own.
_NEAR = 1e-9


def code_of(values: npt.ArrayLike) -> Floats:
    """Linear values as log codes (not rounded); what is below `FLOOR`, zero or negative, stands at `FLOOR`."""
    return to_log(np.maximum(np.asarray(values, dtype=np.float64), FLOOR))


def curve(vertices: npt.ArrayLike) -> Floats:
    """The closed outline of a polygon on log axes.

    Parameters
    ----------
    vertices : array_like of float, shape (n, 2)
        Corners, linear.

    Returns
    -------
    ndarray of float64, shape (m, 2)
        Log codes; the corners are among them, in order, and the first one stands at the end again. Empty without
        corners.
    """
    corners = np.asarray(vertices, dtype=np.float64).reshape(-1, 2)
    if not len(corners):
        return np.empty((0, 2))
    parts = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        share = np.array([0.0, *_between(a, b)])[:, None]
        parts.append(a + (b - a) * share)
    return np.concatenate([code_of(part) for part in parts] + [code_of(corners[:1])])


def _between(a: Floats, b: Floats) -> list[float]:
    """Where along the edge (0 to 1, both left out) one of the axes has gone another `STEP`."""
    return sorted({t for i in (0, 1) for t in _steps(float(a[i]), float(b[i])) if _NEAR < t < 1.0 - _NEAR})


def _steps(a: float, b: float) -> Sequence[float]:
    if a == b:
        return ()
    low, high = (float(code_of(value)) for value in (a, b))
    pieces = math.ceil(abs(high - low) / STEP)
    codes = low + (high - low) * np.arange(pieces + 1) / max(pieces, 1)
    values = 10.0 ** (codes / 65536 * 3.5)
    return [(float(value) - a) / (b - a) for value in values] if pieces else ()
