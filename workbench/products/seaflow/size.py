"""Forward scatter to diameter and carbon through the calibrated size table.

Source: popcycle 7 ``size.carbon.conversion``. Carbon quotas are taken from the table, never from a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.core.codes import SIZE, to_linear
from workbench.core.sizes import SizeTable


def rows(fsc: npt.NDArray[Any], beads_fsc: float, table: SizeTable) -> npt.NDArray[np.int32]:
    """The row of the size table that each particle belongs to.

    Parameters
    ----------
    fsc : ndarray (n,)
        Forward scatter on the log scale: uint16 codes, or log values.
    beads_fsc : float
        Forward scatter of the 1 um beads, log scale, of the particles' quantile.
    table : SizeTable

    Notes
    -----
    ``i = findInterval(fsc / beads, scatter, all.inside=TRUE)`` of linear values: scatter outside the table takes the
    table's first row or its last but one.
    """
    if fsc.dtype == np.uint16:
        return np.asarray(_rows_of_codes(float(beads_fsc), table)[fsc])
    return _rows(to_linear(fsc), float(beads_fsc), table)


def rows_by_quantile(
    fsc: npt.NDArray[Any], mask: npt.NDArray[np.uint8], beads_fsc: Sequence[float], table: SizeTable
) -> npt.NDArray[np.int32]:
    """As `rows`, of each particle in each quantile, int32 (n, 3); -1 where the bit of `mask` says it is not OPP."""
    beads = [float(one) for one in beads_fsc]
    if fsc.dtype == np.uint16:
        return np.asarray(_looked_up(fsc, mask, *(_rows_of_codes(one, table) for one in beads)))
    out = np.stack([rows(fsc, one, table) for one in beads], axis=1)
    out[(mask[:, None] >> np.arange(len(beads)) & 1) == 0] = -1
    return out


@njit(cache=True, nogil=True)
def _looked_up(fsc, mask, first, second, third):  # type: ignore[no-untyped-def]
    out = np.empty((fsc.size, 3), np.int32)
    for i in range(fsc.size):
        code, bits = fsc[i], mask[i]
        out[i, 0] = first[code] if bits & 1 else np.int32(-1)
        out[i, 1] = second[code] if bits & 2 else np.int32(-1)
        out[i, 2] = third[code] if bits & 4 else np.int32(-1)
    return out


@lru_cache(maxsize=12)  # three quantiles of four filters; a plan of a whole cruise would hold 256 kB for each
def _rows_of_codes(beads_fsc: float, table: SizeTable) -> npt.NDArray[np.int32]:
    """The row of each of the 65,536 codes."""
    return _rows(to_linear(np.arange(SIZE).astype(np.uint16)), beads_fsc, table)


def _rows(fsc: npt.NDArray[np.float64], beads_fsc: float, table: SizeTable) -> npt.NDArray[np.int32]:
    relative = fsc / float(to_linear(beads_fsc))
    found = np.searchsorted(table.scatter, relative, "right") - 1
    return np.clip(found, 0, len(table.scatter) - 2).astype(np.int32)


def size(fsc: npt.ArrayLike, beads_fsc: float, table: SizeTable) -> npt.NDArray[np.float64]:
    """Diameter and carbon of particles.

    Parameters
    ----------
    fsc : array_like of float (n,)
        Forward scatter, linear.
    beads_fsc : float
        As in `rows`.
    table : SizeTable

    Returns
    -------
    ndarray of float64 (n, 6)
        `COLUMNS` of the table: diameters in um, carbon in pgC per cell.
    """
    return table.values[_rows(np.asarray(fsc, dtype=np.float64), float(beads_fsc), table)]
