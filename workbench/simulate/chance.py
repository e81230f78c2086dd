"""Random numbers by index: the same whichever part of the cruise is asked for, in whatever order.

Source of the mixing function: splitmix64 (S. Vigna, public domain).
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import numpy.typing as npt

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15

Floats = npt.NDArray[np.float64]


def _bits(seed: int, name: str, index: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    key = np.uint64(((seed & _MASK) * _GOLDEN + crc32(name.encode()) * 0xD1B54A32D192ED03) & _MASK)
    with np.errstate(over="ignore"):
        x = (np.asarray(index, dtype=np.int64).astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN) ^ key
        for _ in range(2):
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x = x ^ (x >> np.uint64(31))
    return np.asarray(x)


def uniform(seed: int, name: str, index: npt.ArrayLike) -> Floats:
    """Numbers in [0, 1), one for each index; `name` tells apart what they are for."""
    return np.asarray((_bits(seed, name, index) >> np.uint64(11)) * 2.0**-53)


def normal(seed: int, name: str, index: npt.ArrayLike) -> Floats:
    """Numbers of mean 0 and variance 1, within 3.5: the sum of four uniform ones (Irwin and Hall)."""
    bits = _bits(seed, name, index)
    total = sum((bits >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48))
    return np.asarray((total / 65536.0 - 2.0) * 3.0**0.5)


def wander(seed: int, name: str, seconds: npt.ArrayLike, periods: tuple[float, ...]) -> Floats:
    """A smooth curve of variance 1: sines with about these periods (s) and chance phases, the slow ones the larger."""
    t = np.asarray(seconds, dtype=np.float64)
    out = np.zeros(t.shape)
    for i, period in enumerate(periods):
        for j, part in enumerate((1.0, 0.63)):
            stretch, phase = uniform(seed, name, [4 * i + 2 * j, 4 * i + 2 * j + 1])
            out += np.sqrt(part * period) * np.sin(2 * np.pi * (t / (part * period * (0.85 + 0.3 * stretch)) + phase))
    return np.asarray(out * np.sqrt(2.0 / (1.63 * sum(periods))))
