"""One row per file, population and quantile: counts and quartiles, as in popcycle's ``vct`` table.

Source: popcycle 7 ``classify.opp.files`` (quantile type 7, the default of R and numpy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_linear
from workbench.core.sizes import INDICES, SizeTable

_CHANNELS = {"chl": "chl_small", "pe": "pe", "fsc": "fsc_small"}
#: Columns of a summary, in the order of the ``vct`` table, after file, pop and count.
STATISTICS = (
    *(f"{short}_{part}" for short in _CHANNELS for part in ("1q", "med", "3q")),
    *(f"diam_{index}_{part}" for index in INDICES for part in ("1q", "med", "3q")),
    *(f"Qc_{index}_{part}" for index in INDICES for part in ("1q", "med", "mean", "3q")),
)


def summarize(
    codes: Mapping[str, npt.NDArray[Any]],
    rows: npt.NDArray[np.int32] | None,
    table: SizeTable | None,
    label: npt.NDArray[np.int8],
    populations: Sequence[str],
) -> dict[str, tuple[int, npt.NDArray[np.float64]]]:
    """Summarize the particles of one file and quantile by population.

    Parameters
    ----------
    codes : mapping of str to ndarray (n,)
        chl_small, pe and fsc_small on the log scale: uint16 codes, or log values.
    rows : ndarray of int32 (n,) or None
        Rows of the size table, as `size.rows` gives them.
    table : SizeTable or None
        Without it diameters and quotas are NaN.
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
    for number, name in enumerate(("unknown", *populations)):
        own = np.flatnonzero(label == number)
        if not len(own):
            continue
        numbers = [_quartiles(_sorted(codes[channel][own]), to_linear) for channel in _CHANNELS.values()]
        out[name] = (len(own), np.concatenate([*numbers, *_sizes(rows, table, own)]))
    return out


def _sizes(
    rows: npt.NDArray[np.int32] | None, table: SizeTable | None, own: npt.NDArray[np.intp]
) -> list[npt.NDArray[np.float64]]:
    if rows is None or table is None:
        return [np.full(3 * len(INDICES) + 4 * len(INDICES), np.nan)]
    ordered = _sorted(rows[own].astype(np.uint16) if len(table.scatter) < 65536 else rows[own])
    diameters, quotas = [], []
    for at, column in enumerate(table.values.T):
        values = column[ordered]
        if (values[1:] < values[:-1]).any():  # a table whose values do not rise with scatter
            values = np.sort(values)
        three = _quartiles(values)
        if at % 2 == 0:
            diameters.append(three)
        else:
            quotas.append(np.array([three[0], three[1], values.mean(), three[2]]))
    return [*diameters, *quotas]


def _sorted(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Ascending; of uint16 in linear time."""
    return np.sort(values, kind="stable" if values.dtype == np.uint16 else None)


def _quartiles(
    ordered: npt.NDArray[Any], value: Callable[[npt.NDArray[Any]], npt.NDArray[np.float64]] = np.asarray
) -> npt.NDArray[np.float64]:
    """First quartile, median and third quartile of ascending values, interpolated (type 7) between their `value`."""
    place = (len(ordered) - 1) * np.array([0.25, 0.5, 0.75])
    below = place.astype(np.intp)
    low, high = value(ordered[below]), value(ordered[np.minimum(below + 1, len(ordered) - 1)])
    return np.asarray(low + (high - low) * (place - below))
