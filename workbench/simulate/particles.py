"""The rows of one EVT file: populations, background, noise and saturated events, as the instrument's codes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.simulate.populations import CHANNELS, Truth, generator

F32 = npt.NDArray[np.float32]
D1, D2, FSC, PE, CHL = range(5)
#: Spread of the log codes by population and channel, and how much of it follows the particle's size.
SPREAD = np.array(
    [
        [750, 700, 2300, 1150, 2300], [1900, 1900, 3000, 4000, 4000], [3000, 3000, 4300, 1400, 4000],
        [2300, 2300, 1900, 2600, 2300], [750, 750, 330, 360, 1000],
    ], dtype=np.float32,
)  # fmt: skip
WITH_SIZE = np.array(
    [
        [0.85, 0.85, 1, 0, 0.65], [0.5, 0.5, 1, 0.45, 0.5], [0.7, 0.7, 1, 0.2, 0.8], [0.6, 0.6, 1, 0.4, 0.4],
        [0, 0, 1, 0.4, 0],
    ], dtype=np.float32,
)  # fmt: skip
_REST = np.sqrt(1 - WITH_SIZE**2)
#: The lowest chlorophyll code the detector gives, and the highest code that is not saturated, by channel.
_DARK = np.float32(2300)
_TOP = np.array([65008, 65504, 65520, 65520, 65520], dtype=np.float32)
SATURATED = 65520
#: Least code and spread of saturated events; noise has these shares of them.
_BRIGHT = np.array([25000, 25000, 4000, 0, 12000], dtype=np.float32)
_WIDE = np.array([18000, 18000, 16000, 2500, 14000], dtype=np.float32)
_FAINT = np.array([0, 0, 0, 0.6, 0.22], dtype=np.float32)


@cache
def _clouds() -> tuple[npt.NDArray[np.float64], F32, F32]:
    """Shares (k,), means (k, 5) and lower factors (k, 5, 5) of the background."""
    table = np.loadtxt(Path(__file__).with_name("background.csv"), delimiter=",", comments="#")
    factors = np.zeros((len(table), 5, 5), dtype=np.float32)
    lower = np.tril_indices(5)
    factors[:, lower[0], lower[1]] = table[:, 6:]
    return table[:, 0] / table[:, 0].sum(), table[:, 1:6].astype(np.float32), factors


def columns(seed: int, index: int, truth: Truth, row: int) -> dict[str, npt.NDArray[np.uint16]]:
    """The seven channels of file `index`, whose truth is `row` of `truth`; uint16 (particles,) each.

    D1, D2 and fsc_small are multiples of 16, pe and chl_small of 16/3, as the instrument's converters give them.
    """
    rng = generator(seed, index, "particles")
    n = int(truth.particles[row])
    codes = np.empty((5, n), dtype=np.float32)
    at = _populations(rng, codes, truth, row)
    drift = truth.drift[row] * (0, 0, 1, 1, 1)  # D1 and D2 of what is out of focus say nothing of the alignment
    at = _background(rng, codes, at, int(truth.background[row]), drift.astype(np.float32))
    seen = np.empty((5, n), dtype=np.uint16)
    _digitise(codes[:, :at], seen[:, :at])
    _show(seen[:, :at])
    _saturated_and_noise(rng, seen[:, at:], int(truth.saturated[row]))
    order = rng.permutation(n)
    out = {name: channel[order] for name, channel in zip(CHANNELS, seen, strict=True)}
    out["pulse_width"] = np.repeat(np.rint(rng.normal(9300, 750, -(-n // 128))).astype(np.uint16), 128)[:n]
    steps = rng.integers(0, 4, n, dtype=np.int32) + rng.integers(0, 4, n, dtype=np.int32)
    out["evt_rate"] = ((steps + 6064) * 16 // 3).astype(np.uint16)
    return out


def _populations(rng: np.random.Generator, codes: F32, truth: Truth, row: int) -> int:
    """Fill in the populations, in focus and out of it; where they end."""
    at = 0
    for p in range(len(SPREAD)):
        focused, blurred = int(truth.focused[row, p]), int(truth.blurred[row, p])
        n = focused + blurred
        if n == 0:
            continue
        part = codes[:, at : at + n]
        size = rng.standard_normal(n, dtype=np.float32)
        for c in range(5):
            own = rng.standard_normal(n, dtype=np.float32) if _REST[p, c] else np.float32(0)
            median = np.float32(truth.medians[row, p, c])
            part[c] = median + SPREAD[p, c] * (WITH_SIZE[p, c] * size + _REST[p, c] * own)
        np.maximum(part[: FSC + 1], 16, out=part[: FSC + 1])
        if blurred:
            _blur(rng, part[:, focused:])
        at += n
    return at


def _blur(rng: np.random.Generator, part: F32) -> None:
    """Out of focus: less light in front, more beside it."""
    n = part.shape[1]
    off = rng.random(n, dtype=np.float32) * np.float32(0.85) + np.float32(0.15)
    part[FSC] *= 1 - off
    part[PE] *= 1 - np.float32(0.5) * off
    part[CHL] = _DARK + (part[CHL] - _DARK) * (1 - np.float32(0.7) * off)
    for c in (D1, D2):
        part[c] += 4000 + np.float32(36000) * off * rng.random(n, dtype=np.float32)


def _background(rng: np.random.Generator, codes: F32, at: int, n: int, drift: F32) -> int:
    """Fill in n background events from the fitted clouds; where they end."""
    shares, means, factors = _clouds()
    for count, mean, factor in zip(rng.multinomial(n, shares), means, factors, strict=True):
        count = int(count)
        chance = rng.standard_normal((5, count), dtype=np.float32)
        np.matmul(factor, chance, out=codes[:, at : at + count])
        codes[:, at : at + count] += (mean + drift)[:, None]
        at += count
    return at


def _digitise(codes: F32, out: npt.NDArray[np.uint16]) -> None:
    """Float log codes (5, n) as the converters give them; `codes` is used up."""
    chl = codes[CHL]
    np.abs(chl - _DARK, out=chl)
    chl += _DARK
    np.clip(codes, 0, _TOP[:, None], out=codes)
    for c in (D1, D2, FSC):
        np.multiply(np.rint(codes[c] * np.float32(1 / 16)), 16, out=out[c], casting="unsafe")
    for c in (PE, CHL):
        steps = np.rint(codes[c] * np.float32(3 / 16)).astype(np.uint32)
        out[c] = (steps * 16 + 1) // 3


def _show(seen: npt.NDArray[np.uint16]) -> None:
    """What is not noise shows on one detector at least: so the count of noise is exact."""
    dark = (seen[D1] | seen[D2] | seen[FSC]) == 0
    seen[D1][dark] = 16


def _saturated_and_noise(rng: np.random.Generator, seen: npt.NDArray[np.uint16], n: int) -> None:
    """Fill in n saturated events and, after them, noise."""
    codes = _BRIGHT[:, None] + _WIDE[:, None] * np.abs(rng.standard_normal(seen.shape, dtype=np.float32))
    codes[:, n:] *= _FAINT[:, None]
    _digitise(codes, seen)
    seen[D2, :n] = SATURATED
    seen[D1, : max(1, n // 100)] = SATURATED
