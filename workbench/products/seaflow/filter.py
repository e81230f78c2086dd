"""EVT to OPP: which events are optimally positioned particles.

Source: seaflowpy 15.1.3 ``filter_evt`` and Ribalet et al. (2019), doi:10.1038/s41597-019-0292-2. All comparisons are
made on log values, in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.core.filters import FilterParameters
from workbench.products.seaflow.limits import MAX_EVENTS, MAX_OPP, Flag

_BLOCK = 2048


@dataclass(frozen=True)
class Focused:
    """What the filter found in one file.

    Attributes
    ----------
    index : ndarray of int64 (k,)
        Rows that are OPP in at least one quantile, ascending.
    mask : ndarray of uint8 (k,)
        Bit 1, 2, 4: OPP in quantile 2.5, 50, 97.5.
    all_count, noise_count, saturated_count : int
        Events; noise; saturated (noise events that sit at the maximum count too).
    opp_count : tuple of int
        OPP per quantile.
    """

    index: npt.NDArray[np.int64]
    mask: npt.NDArray[np.uint8]
    all_count: int
    noise_count: int
    saturated_count: int
    opp_count: tuple[int, int, int]

    @property
    def evt_count(self) -> int:
        """Events that are not noise."""
        return self.all_count - self.noise_count

    @property
    def ratio(self) -> tuple[float, float, float]:
        """OPP / EVT per quantile; 0 where there is no event."""
        a, b, c = ((n / self.evt_count if self.evt_count else 0.0) for n in self.opp_count)
        return a, b, c

    def flag(self, *, max_events: int = MAX_EVENTS, max_opp: int = MAX_OPP) -> Flag:
        """Why this file is left out, or `Flag.OK`."""
        if self.all_count == 0:
            return Flag.UNREADABLE
        if self.all_count > max_events:
            return Flag.TOO_MANY_EVENTS
        if max(self.opp_count) > max_opp:
            return Flag.TOO_MANY_OPP
        if min(self.opp_count) == 0:
            return Flag.EMPTY_QUANTILE
        return Flag.OK


@njit(cache=True, nogil=True)
def _possible(d1, d2, fsc, widest, high, out):  # type: ignore[no-untyped-def]
    """Which events may be in focus: under the highest of the quantiles' lines (rounding keeps the order)."""
    for i in range(d1.size):
        a = np.float64(d1[i])
        b = np.float64(d2[i])
        f = np.float64(fsc[i])
        small = (a <= f * high[4] + high[8]) & (b <= f * high[5] + high[9])
        large = (a <= f * high[6] + high[10]) & (b <= f * high[7] + high[11])
        out[i] = (small | large | (f < 0)) & (a < b + widest) & (b < a + widest)


@njit(cache=True, nogil=True)
def _near(d1, d2, fsc, reach, out):  # type: ignore[no-untyped-def]
    """Which events, counted in whole numbers, may be aligned and are no noise: no floating point for most of them."""
    for i in range(d1.size):
        apart = np.int32(d1[i]) - np.int32(d2[i])
        out[i] = (apart <= reach) & (apart >= -reach) & ((fsc[i] > 1) | (d1[i] > 1) | (d2[i] > 1))


@njit(cache=True, nogil=True)
def _in_focus(a, b, f, p):  # type: ignore[no-untyped-def]
    bits = 0
    for q in range(3):
        if a < b + p[q, 3] and b < a + p[q, 3]:
            small = a <= f * p[q, 4] + p[q, 8] and b <= f * p[q, 5] + p[q, 9]
            if small or (a <= f * p[q, 6] + p[q, 10] and b <= f * p[q, 7] + p[q, 11]):
                bits |= 1 << q
    return bits


@njit(cache=True, nogil=True)
def _tally(d1, d2, fsc, tops, counts):  # type: ignore[no-untyped-def]
    """Noise, the greatest D1 and D2 so far, and how many events sit at the one, at the other, at both."""
    top1, top2 = np.zeros(2, d1.dtype)  # NaN is above nothing
    noise = 0
    for i in range(d1.size):
        top1 = max(top1, d1[i])
        top2 = max(top2, d2[i])
        noise += (fsc[i] <= 1) & (d1[i] <= 1) & (d2[i] <= 1)
    counts[0] += noise
    if not (top1 >= tops[0] or top2 >= tops[1]):
        return
    if top1 > tops[0]:
        tops[0], counts[1], counts[3] = top1, 0, 0
    if top2 > tops[1]:
        tops[1], counts[2], counts[3] = top2, 0, 0
    first = 0
    second = 0
    both = 0
    for i in range(d1.size):
        a = d1[i] == tops[0]
        b = d2[i] == tops[1]
        first += a
        second += b
        both += a & b
    counts[1] += first
    counts[2] += second
    counts[3] += both


@njit(cache=True, nogil=True)
def _scan(d1, d2, fsc, p, high, reach, tops, counts, index, mask):  # type: ignore[no-untyped-def]
    """Events in focus, noise left out; saturation is asked when the whole file is known.

    One call without the interpreter's lock for thousands of strided events: some of them are gathered, looked at while
    they are in the first cache, and left. `reach` is a whole number not below the widest width, or negative where
    events are not whole numbers.
    """
    kept = 0
    possible = np.empty(_BLOCK, np.uint8)
    eight = possible.view(np.uint64)
    u, v, w = np.empty(_BLOCK, d1.dtype), np.empty(_BLOCK, d2.dtype), np.empty(_BLOCK, fsc.dtype)
    for start in range(0, d1.size, _BLOCK):
        a, b, f = d1[start : start + _BLOCK], d2[start : start + _BLOCK], fsc[start : start + _BLOCK]
        n = a.size
        for i in range(n):
            u[i] = a[i]
            v[i] = b[i]
            w[i] = f[i]
        _tally(u[:n], v[:n], w[:n], tops, counts)
        possible[n:] = 0
        if reach >= 0:
            _near(u[:n], v[:n], w[:n], reach, possible)
        else:
            _possible(u[:n], v[:n], w[:n], high[3], high, possible)
        for k in range(eight.size):
            if eight[k] == 0:  # as are most
                continue
            for i in range(8 * k, 8 * k + 8):
                if not possible[i] or (w[i] <= 1 and u[i] <= 1 and v[i] <= 1):
                    continue
                bits = _in_focus(np.float64(u[i]), np.float64(v[i]), np.float64(w[i]), p)
                if bits:
                    index[kept] = start + i
                    mask[kept] = bits
                    kept += 1
    return kept


class Focusing:
    """Finds the optimally positioned particles of one file whose events come in pieces.

    Parameters
    ----------
    parameters : FilterParameters

    Notes
    -----
    noise: fsc <= 1, D1 <= 1 and D2 <= 1. saturated: D1 or D2 at the file's maximum. aligned: neither, and
    |D1 - D2| < width. focused: aligned, and both detectors on or under the small-particle line, or both on or under
    the large-particle line (notch * fsc + offset).

    An event in focus is a candidate until the last piece has told the file's maxima.
    """

    def __init__(self, parameters: FilterParameters) -> None:
        self._table = parameters.array
        self._high = self._table.max(axis=0)
        self._reach = np.int32(min(np.ceil(self._high[3]), 65536)) if self._high[3] >= 0 else np.int32(-1)
        self.events = 0
        self._tops = np.full(2, -np.inf)
        self._counts = np.zeros(4, np.int64)  # noise; at the greatest D1, D2, both
        self._room = np.empty(0, np.int64), np.empty(0, np.uint8)
        self._found: list[tuple[npt.NDArray[Any], ...]] = []

    def add(
        self, d1: npt.NDArray[np.generic], d2: npt.NDArray[np.generic], fsc: npt.NDArray[np.generic]
    ) -> npt.NDArray[np.int64]:
        """Take the next events; the rows among them, ascending, that may turn out to be OPP.

        Parameters
        ----------
        d1, d2, fsc : ndarray (n,)
            D1, D2 and fsc_small on the log scale (uint16 codes, float32 or float64); strided views do.
        """
        if len(self._room[0]) < d1.size:
            self._room = np.empty(d1.size, np.int64), np.empty(d1.size, np.uint8)
        index, mask = self._room
        reach = self._reach if d1.dtype == d2.dtype == fsc.dtype == np.uint16 else np.int32(-1)
        kept = _scan(d1, d2, fsc, self._table, self._high, reach, self._tops, self._counts, index, mask)
        rows = index[:kept].copy()
        self._found.append((rows + self.events, mask[:kept].copy(), d1[rows], d2[rows]))
        self.events += d1.size
        return rows

    def result(self) -> tuple[Focused, npt.NDArray[np.bool_]]:
        """What was found, and which of all rows that `add` gave, one after the other, it is."""
        empty = (np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0), np.empty(0))
        index, mask, d1, d2 = (np.concatenate(parts) for parts in zip(*(self._found or [empty]), strict=True))
        kept = (d1 != self._tops[0]) & (d2 != self._tops[1])
        index, mask = index[kept], mask[kept]
        noise, first, second, both = (int(n) for n in self._counts)
        a, b, c = (int(np.count_nonzero(mask & bit)) for bit in (1, 2, 4))
        return Focused(index, mask, self.events, noise, first + second - both, (a, b, c)), kept


def focus(
    d1: npt.NDArray[np.generic], d2: npt.NDArray[np.generic], fsc: npt.NDArray[np.generic], parameters: FilterParameters
) -> Focused:
    """Find the optimally positioned particles of one file (see `Focusing`)."""
    focusing = Focusing(parameters)
    focusing.add(d1, d2, fsc)
    return focusing.result()[0]
