"""What a gating would do, while a hand still draws it: a first guess at once, then every particle, then the cruise.

    preview = Preview(feed)                          # a ParticleFeed, or a dataset of particles (EVT, OPP or VCT)
    preview.prepare(draft)                           # when the editor opens: reads columns in the background
    async for estimate in preview.ask(draft):        # on an event loop
        show(estimate.counts, estimate.approximate)
    stop = preview.follow(draft, tell)               # or tell(estimate) from a worker's thread
    preview.close()

Estimates come in this order, each replacing the one before: one from a fixed random sample (``approximate``, with its
standard error), the exact one of what is in view, and, where the draft wants it, the series of the whole cruise, longer
from estimate to estimate until ``done``. A newer question ends the older one: its iterator stops, `tell` is not called
again. What is exact equals `products.seaflow.classify`, to the particle: polygons are tested in linear units.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import SIZE
from workbench.core.gates import Gating
from workbench.core.viewport import Viewport
from workbench.core.window import ALWAYS, Window
from workbench.live.particle_feed import ParticleFeed

#: What is in no gate.
UNKNOWN = "unknown"
#: The whole plane of log codes.
WHOLE = Viewport(0, SIZE, 0, SIZE, 512, 512)


@dataclass(frozen=True)
class Plane:
    """A cytogram that follows.

    Attributes
    ----------
    x, y : str
        Channels.
    viewport : Viewport
        Snapped, in log codes (`raster.plane.snap`).
    only : tuple of str
        Populations whose particles are counted, ``unknown`` among them; empty: of all particles.
    by : bool
        A picture for each population (in the order of `Estimate.populations`) instead of one.
    """

    x: str
    y: str
    viewport: Viewport = WHOLE
    only: tuple[str, ...] = ()
    by: bool = False


@dataclass(frozen=True)
class Draft:
    """One question: what would this gating do?

    Attributes
    ----------
    gating : Gating
        As drawn; gates that are not manual are passed over.
    window : Window
        What is in view; the series is of the whole cruise whatever is in view.
    files : tuple of str
        ``file_id`` of the files in view, of those in `window`; empty: all of them.
    planes : tuple of Plane
    among : str
        A column that says which particles count: flags (``q50`` of OPP) or populations (``pop_q50`` of VCT: those that
        have one). Empty: all particles.
    series : bool
        Also counts of each file of the whole cruise.
    """

    gating: Gating
    window: Window = ALWAYS
    files: tuple[str, ...] = ()
    planes: tuple[Plane, ...] = ()
    among: str = ""
    series: bool = True


@dataclass(frozen=True)
class Series:
    """Counts of each file, along time.

    Attributes
    ----------
    times : numpy.ndarray of datetime64[ns], shape (files,)
        NaT where a name tells no time.
    files : tuple of str, length files
        ``file_id``.
    counts : numpy.ndarray of float64, shape (files, populations)
        Particles; NaN where the file is not counted yet or cannot be read.
    abundance : numpy.ndarray of float64, shape (files, populations), or None
        Cells per microlitre where `Preview.volumes` tells the volume of the file, else NaN; None without volumes.
    counted : int
        Files counted so far.
    """

    times: npt.NDArray[np.datetime64]
    files: tuple[str, ...]
    counts: npt.NDArray[np.float64]
    abundance: npt.NDArray[np.float64] | None
    counted: int


@dataclass(frozen=True)
class Estimate:
    """An answer.

    Attributes
    ----------
    draft : Draft
        The question.
    approximate : bool
        True of a guess from a sample; everything else is exact.
    done : bool
        True of the last one.
    particles : int
        How many are in view (`among` applied; of a guess, about how many).
    populations : tuple of str
        In gate order, then ``unknown``.
    counts, error : numpy.ndarray of float64, shape (populations,)
        Particles of each, and the standard error of that (0 where exact).
    pictures : mapping of Plane to numpy.ndarray of uint32
        (height, width), or (populations, height, width) where the plane is `by` population; row 0 holds the lowest y.
        Of a guess: of the particles of the sample (fewer, the same in shape).
    series : Series or None
        None until the exact counts are told.
    sampled : int
        Particles looked at.
    faults : tuple of str
        Files that could not be read, and why.
    seconds : float
        Since the question.
    """

    draft: Draft
    approximate: bool
    done: bool
    particles: int
    populations: tuple[str, ...]
    counts: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    pictures: Mapping[Plane, npt.NDArray[np.uint32]] = field(hash=False)
    series: Series | None
    sampled: int
    faults: tuple[str, ...]
    seconds: float

    @property
    def percent(self) -> npt.NDArray[np.float64]:
        """Share of each population in what is in view, in percent; NaN where nothing is."""
        return self.counts * (100.0 / self.particles) if self.particles else np.full(len(self.counts), np.nan)


class Preview:
    """Answers drafts, one at a time: the newest.

    Parameters
    ----------
    particles : ParticleFeed or xarray.Dataset
        A dataset has dims ``particle`` and ``file`` with ``row_size(file)``, as the SeaFlow readers give it; in log
        codes or linear units.
    volumes : mapping of str to float, optional
        Microlitres analysed (at this selection of particles), by ``file_id``: then the series has abundances.
    kept : int
        Bytes of columns kept in memory; what is more is read again at every question.
    sample : int
        Particles of the guess.
    """

    def __init__(
        self,
        particles: ParticleFeed | xr.Dataset,
        *,
        volumes: Mapping[str, float] | None = None,
        kept: int = 1 << 30,
        sample: int = 1 << 17,
    ) -> None:
        raise NotImplementedError

    def prepare(self, draft: Draft) -> None:
        """Read what this draft will need (its channels, sample and view) in the background, and compile the loops."""
        raise NotImplementedError

    def ask(self, draft: Draft) -> AsyncIterator[Estimate]:
        """Estimates of `draft`, better and better, until they are `done` or somebody asks again.

        Leaving the loop stops the work. Where several come faster than they are taken, only the newest is given.

        Raises
        ------
        WorkbenchError
            When a gate, plane or `among` names a column that is not there; the nearest is told. (At the call.)
        """
        raise NotImplementedError

    def follow(self, draft: Draft, tell: Callable[[Estimate], Any]) -> Callable[[], None]:
        """The same without an event loop: `tell(estimate)` is called from a worker's thread.

        Returns
        -------
        callable
            Stops it.

        Raises
        ------
        WorkbenchError
            As `ask`.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Stop, and let the columns go."""
        raise NotImplementedError
