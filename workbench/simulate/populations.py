"""How many cells of which kind are in the water, and what they look like to the cytometer: the truth of each file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.products.seaflow.flow import DETECTABLE_REGION, INTERCEPT, SLOPE
from workbench.simulate.chance import Floats, normal, wander

POPULATIONS = ("prochloro", "synecho", "picoeuk", "croco", "beads")
CHANNELS = ("D1", "D2", "fsc_small", "pe", "chl_small")
#: Cells per microlitre in the warm pool, at the upwelling, in the gyre.
_WATERS = np.array([[168, 6, 3, 3, 4], [130, 52, 18, 0.1, 4], [190, 3, 1.5, 1, 4]], dtype=np.float64)
#: Median log codes by population and channel.
MEDIANS = np.array(
    [
        [2250, 2150, 6900, 1450, 8200],
        [5700, 5500, 18900, 15500, 16500],
        [9000, 8800, 25500, 2600, 28500],
        [17300, 17100, 36500, 40000, 33500],
        [19300, 19400, 33600, 53360, 33600],
    ],
    dtype=np.float64,
)
#: Events in a file of 180 s at the usual pressure in the usual water, were none left out.
NOMINAL = 2_000_000.0
#: Share of the particles that pass in focus.
FOCUSED = 0.025
#: Out-of-focus passages for each focused one (those of beads are part of the background).
_BLURRED = np.array([1.0, 2.0, 2.0, 2.0, 0.0])
NOISE = 0.0018
SATURATED = 0.006


@dataclass(frozen=True)
class Truth:
    """What is true of n files.

    Attributes
    ----------
    abundance : ndarray of float64 (n, 5)
        Cells per microlitre by `POPULATIONS`, as the formula for abundance gives them from these files
        (that is: the water's, times the share of the events that is written).
    medians : ndarray of float64 (n, 5, 5)
        Log codes by `POPULATIONS` and `CHANNELS` of particles in focus.
    focused, blurred : ndarray of int64 (n, 5)
        Particles of each population that pass in and out of focus.
    noise, saturated, background : ndarray of int64 (n,)
    event_rate : ndarray of float64 (n,)
        Events per second at the instrument, those left out included.
    drift : ndarray of float64 (n, 5)
        Log codes added to every channel by the alignment, `CHANNELS`.
    """

    abundance: Floats
    medians: Floats
    focused: npt.NDArray[np.int64]
    blurred: npt.NDArray[np.int64]
    noise: npt.NDArray[np.int64]
    saturated: npt.NDArray[np.int64]
    background: npt.NDArray[np.int64]
    event_rate: Floats
    drift: Floats

    @property
    def particles(self) -> npt.NDArray[np.int64]:
        """Rows of each file, int64 (n,)."""
        counts = self.focused.sum(axis=1) + self.blurred.sum(axis=1)
        return np.asarray(counts + self.noise + self.saturated + self.background)


def flow(pressure: Floats) -> Floats:
    """Millilitres per minute through the detectable region of instrument 740 (popcycle's calibration)."""
    ratio = float(np.mean(DETECTABLE_REGION["740"]))
    return np.asarray(ratio * 10.0 ** (INTERCEPT + SLOPE * np.log10(pressure)))


def alignment(seed: int, seconds: Floats) -> Floats:
    """Log codes by which beads, and everything else, have drifted since the start, float64 (n, 5)."""
    scale = np.array([700.0, -500.0, 900.0, 350.0, 400.0])
    start = np.zeros(1)
    slow = [wander(seed, c, seconds, (90000, 260000)) - wander(seed, c, start, (90000, 260000)) for c in CHANNELS]
    days = np.asarray(seconds)[:, None] / 86400
    return np.asarray(np.stack(slow, axis=-1) * scale * 0.35 + np.sin(days / 6) * scale)


def concentration(seed: int, seconds: Floats, upwelling: Floats, gyre: Floats, growth: Floats) -> Floats:
    """Cells per microlitre of water, float64 (n, 5): waters mixed, patches, and Synechococcus following the light."""
    shares = np.stack([1 - upwelling - gyre, upwelling, gyre], axis=-1)
    out = shares[:, :1] * _WATERS[0] + shares[:, 1:2] * _WATERS[1] + shares[:, 2:] * _WATERS[2]
    for i, name in enumerate(POPULATIONS[:4]):
        out[:, i] *= 1 + 0.07 * wander(seed, name, seconds, (5200, 17000, 60000))
    out[:, 1] *= 0.75 + 0.9 * growth
    return np.asarray(out)


def truth(
    seed: int, particles: int, index: npt.NDArray[np.int64], seconds: Floats, pressure: Floats,
    upwelling: Floats, gyre: Floats, growth: Floats, duration: Floats,
) -> Truth:  # fmt: skip
    """The truth of files `index`, begun at `seconds`; `particles` is what a usual file of 180 s holds."""
    written = particles / NOMINAL
    water = concentration(seed, seconds, upwelling, gyre, growth)
    seen = flow(pressure) * 1000 / 60 * duration  # microlitres
    total = np.round(seen * water.sum(axis=1) * written * (1 + 0.01 * normal(seed, "total", index))).astype(np.int64)
    total = np.maximum(total, 16)
    focus = FOCUSED * (1 + 0.12 * wander(seed, "focus", seconds, (70000, 200000)))
    focused = np.empty((len(index), 5), dtype=np.int64)
    blurred = np.empty_like(focused)
    mean = water * (seen * written * focus)[:, None]
    for row, k in enumerate(index):
        rng = generator(seed, int(k), "counts")
        focused[row] = rng.poisson(mean[row])
        blurred[row] = rng.poisson(mean[row] * _BLURRED)
    noise = np.maximum(np.round(total * NOISE).astype(np.int64), 2)
    saturated = np.maximum(np.round(total * SATURATED).astype(np.int64), 2)
    others = focused.sum(axis=1) + blurred.sum(axis=1) + noise + saturated
    rate = seen * water.sum(axis=1) / duration * (1 + 0.02 * normal(seed, "rate", index))
    drift = alignment(seed, seconds)
    medians = MEDIANS + drift[:, None, :]
    medians[:, 0, 2] += 4200 * (growth - 0.25)  # Prochlorococcus grows with the light, and divides at night
    medians[:, 0, 4] += 1500 * (growth - 0.25)
    return Truth(
        water * written, medians, focused, blurred, noise, saturated, np.maximum(total - others, 4), rate, drift
    )  # fmt: skip


def generator(seed: int, index: int, purpose: str) -> np.random.Generator:
    """The chance of one file: the same whatever is written before it."""
    use = {"counts": 1, "particles": 2}[purpose]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence((seed & (2**64 - 1), index, use))))
