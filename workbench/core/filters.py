"""Filter parameters of SeaFlow, and its three quantiles, as values.

Quantiles are always the three of SeaFlow (2.5, 50, 97.5), in this order; arrays carry them as an axis of 3 or as the
bits 1, 2, 4 of a mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError

QUANTILES = (2.5, 50.0, 97.5)
FIELDS = (
    "beads_fsc_small", "beads_D1", "beads_D2", "width", "notch_small_D1", "notch_small_D2", "notch_large_D1",
    "notch_large_D2", "offset_small_D1", "offset_small_D2", "offset_large_D1", "offset_large_D2",
)  # fmt: skip


@dataclass(frozen=True)
class FilterParameters:
    """Filter parameters of one id: a row of `FIELDS` for each quantile.

    Attributes
    ----------
    id : str
    table : tuple of tuple of float
        (3, 12): quantiles 2.5, 50, 97.5 by `FIELDS`, all on the log scale.
    date : str
        When it was made, as the file says; information only.
    """

    id: str
    table: tuple[tuple[float, ...], ...]
    date: str = ""

    def __post_init__(self) -> None:
        array = self.array
        if array.shape != (3, len(FIELDS)):
            raise WorkbenchError(
                f"filter {self.id}: needs quantiles {QUANTILES} by {len(FIELDS)} numbers, has {array.shape}"
            )
        if not np.isfinite(array).all():
            q, field = np.argwhere(~np.isfinite(array))[0]
            raise WorkbenchError(f"filter {self.id}: {FIELDS[field]} of quantile {QUANTILES[q]} is not a number")

    @property
    def array(self) -> npt.NDArray[np.float64]:
        """float64 (3, 12), quantiles by `FIELDS`."""
        return np.asarray(self.table, dtype=np.float64)

    @property
    def beads_fsc(self) -> npt.NDArray[np.float64]:
        """Forward scatter of the beads per quantile, log scale, float64 (3,)."""
        return self.array[:, 0]
