"""Where the beads are to the three lines of the filter.

Source: popcycle 7 ``create.filter.params``, and the slopes of the large-particle line by instrument that the SeaFlow
project publishes (``seaflow_filter_slopes.csv``).
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import FilterParameters

WIDTH = 5000.0
_BY_740 = ((1.64, 1.637), (1.635, 1.632), (1.63, 1.627))
#: Slope of the large-particle line by instrument: quantiles 2.5, 50, 97.5 by D1, D2.
SLOPES = {
    "740": _BY_740,
    "751": ((1.904, 2.034), (1.91, 2.04), (1.915, 2.047)),
    "989": ((1.359, 1.324), (1.37, 1.337), (1.382, 1.349)),
    "130": _BY_740,
}


def derive(
    fsc: npt.ArrayLike,
    d1: npt.ArrayLike,
    d2: npt.ArrayLike,
    instrument: str,
    *,
    width: float = WIDTH,
    min_d1: float = 0.0,
    min_d2: float = 0.0,
    date: str = "",
) -> FilterParameters:
    """The filter whose lines run through the beads.

    Parameters
    ----------
    fsc, d1, d2 : array_like of float (3,), log codes
        Where the 1 um beads are in quantiles 2.5, 50 and 97.5: first, second and third quartile of fsc_small, third,
        second and first of D1 and D2 (2.5 is the most permissive).
    instrument : str
        Serial number: 740, 751, 989 or 130.
    width : float, log codes
        D1 and D2 of an aligned particle differ by less.
    min_d1, min_d2 : float, log codes
        D1 and D2 of the smallest particles: where the small-particle line meets fsc_small 0.
    date : str
        Kept with the parameters.

    Returns
    -------
    FilterParameters
        Its id is made from its numbers: the same beads, the same id.

    Raises
    ------
    WorkbenchError
        For an instrument without slopes, or positions that are no numbers above 0.

    Notes
    -----
    ``notch_small = round((D - min) / fsc, 3)``, ``offset_small = min``, ``notch_large`` by instrument,
    ``offset_large = round(D - notch_large * fsc)``.
    """
    if instrument not in SLOPES:
        raise WorkbenchError(f"no filter slopes for instrument '{instrument}'. {suggest(instrument, SLOPES)}")
    beads = np.column_stack([np.asarray(v, dtype=np.float64).reshape(3) for v in (fsc, d1, d2)])
    if not (np.isfinite(beads).all() and (beads > 0).all()):
        raise WorkbenchError(f"beads at fsc_small, D1, D2 {beads.tolist()}: positions are log codes above 0")
    low = np.array([min_d1, min_d2], dtype=np.float64)
    table = through(beads, np.array(SLOPES[instrument]), np.tile(low, (3, 1)), width)
    return FilterParameters(identity(table), table, date)


def through(
    beads: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64], low: npt.NDArray[np.float64], width: float
) -> tuple[tuple[float, ...], ...]:
    """Rows of `core.filters.FIELDS` whose lines run through bead positions (see the notes of `derive`).

    Parameters
    ----------
    beads : ndarray of float64 (k, 3), log codes
        fsc_small, D1, D2.
    slopes : ndarray of float64 (k, 2)
        Of the large-particle line, D1 and D2.
    low : ndarray of float64 (k, 2), log codes
        D1 and D2 of the smallest particles.
    width : float, log codes
    """
    small = np.round((beads[:, 1:] - low) / beads[:, :1], 3)
    offset = np.round(beads[:, 1:] - slopes * beads[:, :1])
    rows = np.column_stack([beads, np.full(len(beads), width), small, slopes, low, offset]) + 0.0
    return tuple(tuple(row) for row in rows.tolist())


def identity(table: tuple[tuple[float, ...], ...]) -> str:
    """An id in the shape of a UUID, made from the numbers alone."""
    text = hashlib.sha256(repr(table).encode()).hexdigest()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:32]))
