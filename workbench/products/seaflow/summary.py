"""One row per file, population and quantile: counts and quartiles, as in popcycle's ``vct`` table.

Source: popcycle 7 ``classify.opp.files`` (quantile type 7, the default of R and numpy).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from workbench.core.sizes import INDICES

_CHANNELS = {"chl": "chl_small", "pe": "pe", "fsc": "fsc_small"}
#: Columns of a summary, in the order of the ``vct`` table, after file, pop and count.
STATISTICS = (
    *(f"{short}_{part}" for short in _CHANNELS for part in ("1q", "med", "3q")),
    *(f"diam_{index}_{part}" for index in INDICES for part in ("1q", "med", "3q")),
    *(f"Qc_{index}_{part}" for index in INDICES for part in ("1q", "med", "mean", "3q")),
)


def summarize(
    channels: Mapping[str, npt.NDArray[np.float64]],
    sizes: npt.NDArray[np.float64],
    label: npt.NDArray[np.int8],
    populations: Sequence[str],
) -> dict[str, tuple[int, npt.NDArray[np.float64]]]:
    """Summarize the particles of one file and quantile by population.

    Parameters
    ----------
    channels : mapping of str to ndarray of float64 (n,)
        Linear chl_small, pe and fsc_small.
    sizes : ndarray of float64 (n, 6)
        Diameters (um) and quotas (pgC per cell) as `size` gives them.
    label : ndarray of int8 (n,)
        As `classify` gives them.
    populations : sequence of str
        Names of labels 1, 2, ...; 0 is ``unknown``.

    Returns
    -------
    dict of str to (int, ndarray of float64 (len(STATISTICS),))
        Particles and statistics of each population that has any.
    """
    out: dict[str, tuple[int, npt.NDArray[np.float64]]] = {}
    columns = [channels[name] for name in _CHANNELS.values()]
    order = [2 * i for i in range(3)] + [2 * i + 1 for i in range(3)]
    for number, name in enumerate(("unknown", *populations)):
        rows = label == number
        count = int(np.count_nonzero(rows))
        if not count:
            continue
        block = np.column_stack([*(c[rows] for c in columns), *(sizes[rows, i] for i in order)])
        quartiles = np.quantile(block, (0.25, 0.5, 0.75), axis=0)
        carbon = [np.insert(quartiles[:, i], 2, block[:, i].mean()) for i in range(6, 9)]
        out[name] = (count, np.concatenate([quartiles[:, :6].T.ravel(), *carbon]))
    return out
