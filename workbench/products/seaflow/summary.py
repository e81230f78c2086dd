"""One row per file, population and quantile: counts and quartiles, as in popcycle's ``vct`` table.

Source: popcycle 7 ``classify.opp.files`` (quantile type 7, the default of R and numpy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.core.codes import to_linear
from workbench.core.sizes import INDICES, SizeTable
from workbench.products.seaflow import size

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
    names = ("unknown", *populations)
    count, numbers = by_group(codes, rows, table, label.astype(np.int64), len(names))
    return {name: (int(n), row) for name, n, row in zip(names, count, numbers, strict=True) if n}


def by_group(
    codes: Mapping[str, npt.NDArray[Any]],
    rows: npt.NDArray[np.int32] | None,
    table: SizeTable | None,
    group: npt.NDArray[np.int64],
    groups: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Summarize particles by group, all groups at once.

    Parameters
    ----------
    codes, rows, table
        As for `summarize`.
    group : ndarray of int64 (n,)
        The group of each particle, from 0.
    groups : int
        How many there are, at most 65,536.

    Returns
    -------
    count : ndarray of int64 (groups,)
    numbers : ndarray of float64 (groups, len(STATISTICS))
        NaN where a group has no particles.
    """
    count = np.bincount(group, minlength=groups)
    numbers = np.full((groups, len(STATISTICS)), np.nan)
    there = np.flatnonzero(count)
    if not there.size:
        return count, numbers
    places = _Places(count[there])
    parts = [places.quartiles(_ordered(codes[channel], group), to_linear) for channel in _CHANNELS.values()]
    if rows is not None and table is not None:
        parts += _sizes(_ordered(rows, group), table, places)
    numbers[there, : sum(part.shape[1] for part in parts)] = np.concatenate(parts, axis=1)
    return count, numbers


def of_quantiles(
    codes: Mapping[str, npt.NDArray[Any]],
    beads_fsc: Sequence[float],
    table: SizeTable | None,
    label: npt.NDArray[np.int8],
    mask: npt.NDArray[np.uint8],
    labels: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Summarize particles by quantile and, in each, by label: as `by_group` does of a copy of them for each quantile.

    Parameters
    ----------
    codes, table
        As for `summarize`.
    beads_fsc : sequence of float
        Forward scatter of the beads by quantile, log scale.
    label : ndarray of int8 (n,)
    mask : ndarray of uint8 (n,)
        Bits of the quantiles that a particle is in.
    labels : int
        How many labels there are.

    Returns
    -------
    count : ndarray of int64 (3 labels,)
    numbers : ndarray of float64 (3 labels, len(STATISTICS))
    """
    beads = [float(one) for one in beads_fsc]
    if any(codes[name].dtype != np.uint16 for name in _CHANNELS.values()):
        taken = [np.flatnonzero(mask >> at & 1) for at in range(len(beads))]
        every = np.concatenate(taken)
        group = np.concatenate([label[own] + np.int64(at * labels) for at, own in enumerate(taken)])
        row = _rows_of([codes["fsc_small"][own] for own in taken], beads, table)
        return by_group(
            {name: codes[name][every] for name in _CHANNELS.values()}, row, table, group, len(beads) * labels
        )
    count = np.asarray(_count(label, mask, len(beads), labels))
    ordered = {name: np.asarray(_in_order(codes[name], label, mask, count, labels)) for name in _CHANNELS.values()}
    places = _Places(count[count > 0])
    parts = [places.quartiles(ordered[name], to_linear) for name in _CHANNELS.values()]
    stops = np.cumsum(count.reshape(len(beads), labels).sum(axis=1))
    row = _rows_of(np.split(ordered["fsc_small"], stops[:-1]), beads, table)  # a row rises with its code
    if row is not None and table is not None:
        parts += _sizes(row, table, places)
    numbers = np.full((len(count), len(STATISTICS)), np.nan)
    numbers[count > 0, : sum(part.shape[1] for part in parts)] = np.concatenate(parts, axis=1)
    return count, numbers


def _rows_of(
    fsc: Sequence[npt.NDArray[Any]], beads: Sequence[float], table: SizeTable | None
) -> npt.NDArray[np.int32] | None:
    """Rows of the size table, one quantile after the other."""
    return (
        None
        if table is None
        else np.concatenate([size.rows(own, one, table) for own, one in zip(fsc, beads, strict=True)])
    )


class _Places:
    """Where quartiles stand in values that are ascending within each group, group after group.

    Parameters
    ----------
    count : ndarray of int64 (g,)
        Values in each group, at least 1.
    """

    def __init__(self, count: npt.NDArray[np.int64]) -> None:
        self.stops = np.cumsum(count)
        self.starts = self.stops - count
        last = (count - 1)[:, None]
        place = last * np.array([0.25, 0.5, 0.75])
        below = place.astype(np.intp)
        self._part = place - below
        self._low = self.starts[:, None] + below
        self._high = self.starts[:, None] + np.minimum(below + 1, last)

    def quartiles(
        self, ordered: npt.NDArray[Any], value: Callable[[npt.NDArray[Any]], npt.NDArray[np.float64]] = np.asarray
    ) -> npt.NDArray[np.float64]:
        """First quartile, median and third quartile of each group, interpolated (type 7) between their `value`."""
        low, high = value(ordered[self._low]), value(ordered[self._high])
        return np.asarray(low + (high - low) * self._part)

    def each(self) -> list[slice]:
        """The values of each group."""
        return [slice(a, b) for a, b in zip(self.starts.tolist(), self.stops.tolist(), strict=True)]


def _sizes(ordered: npt.NDArray[Any], table: SizeTable, places: _Places) -> list[npt.NDArray[np.float64]]:
    diameters, quotas = [], []
    for at, (column, rises) in enumerate(_columns(table)):
        if at % 2 == 0 and rises:
            diameters.append(places.quartiles(ordered, column.__getitem__))
            continue
        values = column[ordered]
        if not rises:
            for own in places.each():
                values[own].sort()
        three = places.quartiles(values)
        if at % 2 == 0:
            diameters.append(three)
        else:  # the sums are those of each group alone: pairwise, to the last bit
            mean = [np.add.reduce(values[own]) / (own.stop - own.start) for own in places.each()]
            quotas.append(np.insert(three, 2, mean, axis=1))
    return [*diameters, *quotas]


@lru_cache(maxsize=4)
def _columns(table: SizeTable) -> list[tuple[npt.NDArray[np.float64], bool]]:
    """Columns of a size table, and whether their values rise with scatter."""
    columns = [np.ascontiguousarray(column) for column in table.values.T]
    return [(column, bool((column[1:] >= column[:-1]).all())) for column in columns]


@njit(cache=True, nogil=True)
def _count(label, mask, quantiles, labels):  # type: ignore[no-untyped-def]
    """Particles by quantile and label."""
    out = np.zeros(quantiles * labels, np.int64)
    for i in range(label.size):
        for q in range(quantiles):
            out[q * labels + label[i]] += mask[i] >> q & 1
    return out


@njit(cache=True, nogil=True)
def _by_bytes(keys, first, stop):  # type: ignore[no-untyped-def]
    """uint32 numbers sorted by their bits `first` to `stop`: a byte at a time from the lowest, keeping the order so far."""
    other = np.empty_like(keys)
    for shift in range(first, stop, 8):
        places = np.zeros(257, np.int64)
        for i in range(keys.size):
            places[1 + ((keys[i] >> np.uint32(shift)) & np.uint32(255))] += 1
        for k in range(256):
            places[k + 1] += places[k]
        for i in range(keys.size):
            k = (keys[i] >> np.uint32(shift)) & np.uint32(255)
            other[places[k]] = keys[i]
            places[k] += 1
        keys, other = other, keys
    return keys


@njit(cache=True, nogil=True)
def _in_order(values, label, mask, count, labels):  # type: ignore[no-untyped-def]
    """Values by quantile, then label, ascending: sorted once for all quantiles."""
    keys = np.empty(values.size, np.uint32)
    for i in range(values.size):
        keys[i] = np.uint32(label[i]) << np.uint32(24) | np.uint32(values[i]) << np.uint32(8) | np.uint32(mask[i])
    keys = _by_bytes(keys, 8, 24 if labels == 1 else 32)
    at = np.cumsum(count) - count
    out = np.empty(count.sum(), np.uint16)
    for i in range(keys.size):
        value = np.uint16(keys[i] >> np.uint32(8) & np.uint32(0xFFFF))
        for q in range(count.size // labels):
            if keys[i] >> np.uint32(q) & np.uint32(1):
                group = q * labels + np.int64(keys[i] >> np.uint32(24))
                out[at[group]] = value
                at[group] += 1
    return out


def _ordered(values: npt.NDArray[Any], group: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """The values group after group, ascending within each."""
    if values.dtype.kind not in "ui":
        return values[np.lexsort((values, group))]
    if values.dtype != np.uint16 and values.size and values.max() >= 1 << 16:
        return np.sort(group << 32 | values) & 0xFFFFFFFF
    return np.asarray(_sorted_pairs(group.astype(np.uint16), values.astype(np.uint16)))


@njit(cache=True, nogil=True)
def _sorted_pairs(group, values):  # type: ignore[no-untyped-def]
    """Values by group, then by value."""
    most = 0
    for i in range(group.size):
        most = max(most, group[i])
    keys = np.empty(group.size, np.uint32)
    for i in range(group.size):
        keys[i] = np.uint32(group[i]) << np.uint32(16) | np.uint32(values[i])
    keys = _by_bytes(keys, 0, 16 if most == 0 else 24 if most < 256 else 32)
    out = np.empty(keys.size, np.uint16)
    for i in range(keys.size):
        out[i] = keys[i] & np.uint32(0xFFFF)
    return out
