"""The 1 um beads among the raw events: where their cloud is, without knowing gains or alignment.

Beads are all alike, cells are not: in pe against fsc_small their cloud is the one that stands out most from what
surrounds it, among bright, aligned events. Found by difference of two smoothings of the histogram; no seed, no chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.core.filters import FilterParameters
from workbench.products.seaflow.parameters import WIDTH, derive

Float = npt.NDArray[np.float64]
CHANNELS = ("D1", "D2", "fsc_small", "pe")
#: Log codes that beads exceed, whatever the gains.
MIN_PE, MIN_FSC = 40_000.0, 12_000.0
#: Beads that must be seen before a position is believed.
FEWEST = 12
_TOP = 65_000.0
_BIN = 128
_NARROW, _WIDE = 3.0, 12.0  # in bins
_STEP, _SMOOTH = 256, 4.0
#: Standard deviations by which beads stand out; by chance alone 5 are reached somewhere, 40,000 real events with beads have 8.
_SURE = 6.0


@dataclass(frozen=True, eq=False)
class Beads:
    """Where the beads are.

    Attributes
    ----------
    fsc, d1, d2 : ndarray of float64 (3,), log codes
        For quantiles 2.5, 50, 97.5: quartiles 1, 2, 3 of fsc_small and 3, 2, 1 of D1 and D2.
    pe : float, log codes
        Median phycoerythrin.
    count : int
        Events in the cloud.
    contrast : float
        How many times denser the cloud is than its surroundings.
    events : ndarray of float64 (count, 4), log codes
        `CHANNELS` of the events in the cloud.
    """

    fsc: Float
    d1: Float
    d2: Float
    pe: float
    count: int
    contrast: float
    events: Float = field(default_factory=lambda: np.empty((0, 4)), repr=False)

    def parameters(
        self, instrument: str, *, width: float = WIDTH, min_d1: float = 0.0, min_d2: float = 0.0
    ) -> FilterParameters:
        """The filter through these beads (see `derive`)."""
        return derive(self.fsc, self.d1, self.d2, instrument, width=width, min_d1=min_d1, min_d2=min_d2)


def bright(
    codes: Mapping[str, npt.NDArray[np.generic]], *, min_pe: float = MIN_PE, min_fsc: float = MIN_FSC, width: float = WIDTH
) -> Float:  # fmt: skip
    """Events that may be beads: bright, aligned, not saturated.

    Parameters
    ----------
    codes : mapping of str to ndarray (n,)
        D1, D2, fsc_small and pe of one file, log codes or log values.
    min_pe, min_fsc, width : float, log codes

    Returns
    -------
    ndarray of float64 (k, 4)
        `CHANNELS` of those events, in the order of the file.
    """
    first = np.flatnonzero(np.asarray(codes["pe"]) > np.float64(min_pe))
    rows = np.column_stack([np.asarray(codes[name])[first].astype(np.float64) for name in CHANNELS]).reshape(-1, 4)
    d1, d2, fsc, _ = rows.T
    kept = (fsc > min_fsc) & (np.abs(d1 - d2) < width) & (d1 > 1) & (d2 > 1) & (rows < _TOP).all(axis=1)
    return np.asarray(rows[kept])


def find_beads(events: Float | Iterable[Float]) -> Beads:
    """Find the bead cloud.

    Parameters
    ----------
    events : ndarray of float64 (k, 4), or several
        What `bright` gave of one or more files; the order does not matter.

    Returns
    -------
    Beads

    Raises
    ------
    WorkbenchError
        When no cloud stands out, or it holds fewer than 12 events.

    Notes
    -----
    Of simulated water, beads were found to within 250 log codes in all of 1,397 cases up to 25 bright cells a bead. Where
    more lie over the beads, what is found may be those cells: look at the proposed filter before it is saved.
    """
    rows = events if isinstance(events, np.ndarray) else np.concatenate([np.empty((0, 4)), *events])
    if len(rows) < FEWEST:
        raise WorkbenchError(
            f"{len(rows)} bright, aligned events: too few to find beads. Take more files, or a lower --min-pe."
        )
    centre, contrast = _peak(rows[:, 2], rows[:, 3])
    members = _cloud(rows, centre)
    members = members[_focused(members[:, 0]) & _focused(members[:, 1])]
    if len(members) < FEWEST:
        raise WorkbenchError(
            f"the cloud at fsc_small {centre[0]:.0f}, pe {centre[1]:.0f} holds {len(members)} events: too few for beads. "
            "Take more files."
        )
    d1, d2, fsc = (np.percentile(members[:, i], (25, 50, 75)) for i in range(3))
    return Beads(fsc, d1[::-1], d2[::-1], float(np.median(members[:, 3])), len(members), contrast, members)


def _peak(x: Float, y: Float) -> tuple[Float, float]:
    """The point of the plane whose surroundings stand out most, and how many times they do."""
    from scipy.ndimage import gaussian_filter

    edges = np.arange(0, 65536 + _BIN, _BIN)
    count, _, _ = np.histogram2d(x, y, bins=[edges, edges])
    near, far = (gaussian_filter(count, width, mode="constant") for width in (_NARROW, _WIDE))
    area = 4 * np.pi * _NARROW**2
    # events in the narrow kernel beyond those its surroundings let one expect, in standard deviations
    excess = (near - far) * area / np.sqrt(far * area + 1)
    excess[near < 2 * far] = 0  # a wide cloud of cells, however many
    at = np.unravel_index(int(np.argmax(excess)), excess.shape)
    if not excess[at] > _SURE:
        raise WorkbenchError(
            f"no cloud of beads stands out among {len(x)} bright, aligned events. Take more files, or files with beads."
        )
    centre = np.array([(i + 0.5) * _BIN for i in at])
    return centre, float(near[at] / max(far[at], 1e-300))


def _cloud(rows: Float, centre: Float) -> Float:
    """Events around `centre` in fsc_small and pe: an ellipse of three robust standard deviations, found in steps."""
    scale = np.array([900.0, 900.0])
    members = rows
    for _ in range(12):
        members = rows[(((rows[:, 2:] - centre) / (3 * scale)) ** 2).sum(axis=1) <= 1]
        if len(members) < FEWEST:
            break
        middle = np.median(members[:, 2:], axis=0)
        spread = 1.4826 * np.median(np.abs(members[:, 2:] - middle), axis=0)
        spread = np.clip(spread, 150.0, 900.0)
        if np.array_equal(middle, centre) and np.array_equal(spread, scale):
            break
        centre, scale = middle, spread
    return members


def _focused(d: Float) -> npt.NDArray[np.bool_]:
    """Events about the mode of a position detector: those out of focus trail off to its upper side."""
    if not len(d):
        return np.zeros(0, np.bool_)
    from scipy.ndimage import gaussian_filter1d

    count, edges = np.histogram(d, bins=np.arange(0, 65536 + _STEP, _STEP))
    mode = edges[int(np.argmax(gaussian_filter1d(count.astype(np.float64), _SMOOTH)))] + _STEP / 2
    below = mode - d[d <= mode]
    spread = max(1.4826 * float(np.median(below)), 500.0) if len(below) else 500.0
    return np.asarray(np.abs(d - mode) <= 4 * spread)
