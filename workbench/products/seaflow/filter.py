"""EVT to OPP: which events are optimally positioned particles.

Source: seaflowpy 15.1.3 ``filter_evt`` and Ribalet et al. (2019), doi:10.1038/s41597-019-0292-2. All comparisons are
made on log values, in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.core.filters import FilterParameters

MAX_EVENTS = 50_000 * 180
MAX_OPP = 20_000
_BLOCK = 2048


class Flag(IntEnum):
    """Why a file has no OPP."""

    OK = 0
    UNREADABLE = 1
    TOO_MANY_EVENTS = 2
    TOO_MANY_OPP = 3
    EMPTY_QUANTILE = 4


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
def _limits(d1, d2, fsc):  # type: ignore[no-untyped-def]
    top1 = d1[0]
    top2 = d2[0]
    noise = 0
    for i in range(d1.size):
        top1 = max(top1, d1[i])
        top2 = max(top2, d2[i])
        noise += (fsc[i] <= 1) & (d1[i] <= 1) & (d2[i] <= 1)
    return top1, top2, noise


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
def _in_focus(a, b, f, p):  # type: ignore[no-untyped-def]
    bits = 0
    for q in range(3):
        if a < b + p[q, 3] and b < a + p[q, 3]:
            small = a <= f * p[q, 4] + p[q, 8] and b <= f * p[q, 5] + p[q, 9]
            if small or (a <= f * p[q, 6] + p[q, 10] and b <= f * p[q, 7] + p[q, 11]):
                bits |= 1 << q
    return bits


@njit(cache=True, nogil=True)
def _focus(d1, d2, fsc, top1, top2, p, high, index, mask, count):  # type: ignore[no-untyped-def]
    kept = 0
    saturated = 0
    possible = np.empty(_BLOCK, np.uint8)
    for start in range(0, d1.size, _BLOCK):
        u, v, w = d1[start : start + _BLOCK], d2[start : start + _BLOCK], fsc[start : start + _BLOCK]
        for i in range(u.size):
            saturated += (u[i] == top1) | (v[i] == top2)
        _possible(u, v, w, high[3], high, possible)
        for i in range(u.size):
            if not possible[i] or u[i] == top1 or v[i] == top2 or (w[i] <= 1 and u[i] <= 1 and v[i] <= 1):
                continue
            bits = _in_focus(np.float64(u[i]), np.float64(v[i]), np.float64(w[i]), p)
            if bits:
                if kept == index.size:
                    return -1, saturated
                for q in range(3):
                    count[q] += bits >> q & 1
                index[kept] = start + i
                mask[kept] = bits
                kept += 1
    return kept, saturated


def focus(
    d1: npt.NDArray[np.generic], d2: npt.NDArray[np.generic], fsc: npt.NDArray[np.generic], parameters: FilterParameters
) -> Focused:
    """Find the optimally positioned particles of one file.

    Parameters
    ----------
    d1, d2, fsc : ndarray (n,)
        D1, D2 and fsc_small of every event, on the log scale (uint16 codes, float32 or float64); strided views do.
    parameters : FilterParameters

    Returns
    -------
    Focused

    Notes
    -----
    noise: fsc <= 1, D1 <= 1 and D2 <= 1. saturated: D1 or D2 at the file's maximum. aligned: neither, and
    |D1 - D2| < width. focused: aligned, and both detectors on or under the small-particle line, or both on or under
    the large-particle line (notch * fsc + offset).
    """
    n = int(d1.size)
    if n == 0:
        return Focused(np.empty(0, np.int64), np.empty(0, np.uint8), 0, 0, 0, (0, 0, 0))
    top1, top2, noise = _limits(d1, d2, fsc)
    table = parameters.array
    size, kept = min(n, 65_536), -1
    while kept < 0:
        index, mask, count = np.empty(size, np.int64), np.empty(size, np.uint8), np.zeros(3, np.int64)
        kept, saturated = _focus(d1, d2, fsc, top1, top2, table, table.max(axis=0), index, mask, count)
        size = n
    a, b, c = (int(v) for v in count)
    return Focused(index[:kept].copy(), mask[:kept].copy(), n, int(noise), int(saturated), (a, b, c))
