"""Forward scatter to diameter and carbon through the calibrated size table.

Source: popcycle 7 ``size.carbon.conversion``. Carbon quotas are taken from the table, never from a formula.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_linear
from workbench.core.sizes import SizeTable


def size(fsc: npt.ArrayLike, beads_fsc: float, table: SizeTable) -> npt.NDArray[np.float64]:
    """Diameter and carbon of particles.

    Parameters
    ----------
    fsc : array_like of float (n,)
        Forward scatter, linear.
    beads_fsc : float
        Forward scatter of the 1 um beads, log scale, of the particles' quantile.
    table : SizeTable

    Returns
    -------
    ndarray of float64 (n, 6)
        `COLUMNS` of `size`: diameters in um, carbon in pgC per cell.

    Notes
    -----
    ``i = findInterval(fsc / beads, scatter, all.inside=TRUE)``: scatter outside the table takes the table's first row
    or its last but one.
    """
    relative = np.asarray(fsc, dtype=np.float64) / float(to_linear(beads_fsc))
    row = np.clip(np.searchsorted(table.scatter, relative, "right") - 1, 0, len(table.scatter) - 2)
    return table.values[row]
