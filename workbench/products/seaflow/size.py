"""Forward scatter to diameter and carbon through the calibrated size table.

Source: popcycle 7 ``size.carbon.conversion``. Carbon quotas are taken from the table, never from a formula.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

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
