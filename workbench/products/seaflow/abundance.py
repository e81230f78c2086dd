"""Counts to cells per microlitre.

Source: popcycle 7 ``create_abundance``: ``abundance = n / (1000 * ratio * flow_rate * duration / 60)``. The ratio is the
virtual core (the median OPP/EVT ratio per quantile of the files that have OPP in every quantile), but prochloro takes
its own file's ratio.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from workbench.products.seaflow.flow import flow_rate

Ratio = Literal["virtual_core", "by_file"]
#: Populations too abundant for the virtual core: their own file's ratio is taken.
BY_FILE = frozenset({"prochloro"})


def virtual_core(ratio: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Median OPP/EVT ratio per quantile over the files that have OPP in every quantile.

    Parameters
    ----------
    ratio : array_like of float (files, 3)
        OPP/EVT ratio by file and quantile; files with a zero (or NaN) in any quantile are left out.

    Returns
    -------
    ndarray of float64 (3,)
        NaN where no file is left.
    """
    values = np.asarray(ratio, dtype=np.float64).reshape(-1, 3)
    kept = values[(values > 0).all(axis=1)]
    return np.median(kept, axis=0) if len(kept) else np.full(3, np.nan)


def abundance(
    count: npt.ArrayLike,
    *,
    ratio: npt.ArrayLike,
    pressure: npt.ArrayLike,
    duration: npt.ArrayLike,
    instrument: str,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Cells per microlitre and its standard error; all arguments broadcast.

    Parameters
    ----------
    count : array_like
        Particles of the population in the file and quantile.
    ratio : array_like
        OPP/EVT ratio to correct by: the virtual core, or the file's own for the populations in `BY_FILE`. 0 gives NaN.
    pressure : array_like
        Stream pressure, psi.
    duration : array_like
        File duration, s.
    instrument : str

    Returns
    -------
    abundance, se : ndarray of float64
        Cells per uL; ``se = abundance * flow_sd / flow``.
    """
    rate, sd = flow_rate(pressure, instrument)
    core = np.asarray(ratio, dtype=np.float64)
    water = 1000.0 * np.where(core > 0, core, np.nan) * rate * np.asarray(duration, dtype=np.float64) / 60.0
    cells = np.asarray(np.asarray(count, dtype=np.float64) / np.where(water > 0, water, np.nan))
    return cells, np.asarray(cells * sd / rate)
