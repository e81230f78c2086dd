"""The size table of an instrument, as a value: forward scatter to diameter and carbon, by Mie theory.

``lwr``, ``mid`` and ``upr`` are the refractive indices 1.41, 1.38 and 1.35.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

INDICES = ("lwr", "mid", "upr")
#: The six values a particle gets, in the order of the columns of a VCT file.
COLUMNS = tuple(f"{what}_{index}" for index in INDICES for what in ("diam", "Qc"))


@dataclass(frozen=True, eq=False)
class SizeTable:
    """The size table of one instrument.

    Attributes
    ----------
    instrument : str
    scatter : ndarray of float64 (m,)
        Forward scatter relative to 1 um beads, ascending.
    values : ndarray of float64 (m, 6)
        `COLUMNS`: diameter in um, carbon quota in pgC per cell.
    """

    instrument: str
    scatter: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
