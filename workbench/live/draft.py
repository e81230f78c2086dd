"""What is asked of a `Preview`, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.core.codes import SIZE
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.gates import Gating
from workbench.core.viewport import Viewport
from workbench.core.window import ALWAYS, Window

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

    @property
    def populations(self) -> tuple[str, ...]:
        """In gate order, then ``unknown``."""
        return (*self.gating.populations, UNKNOWN)

    @property
    def channels(self) -> tuple[str, ...]:
        """What its gates and planes ask for."""
        gates = [name for gate in self.gating.gates if gate.method == "manual" for name in (gate.x, gate.y)]
        return tuple(dict.fromkeys([*gates, *(name for plane in self.planes for name in (plane.x, plane.y))]))

    def refuse_unknown(self, channels: Sequence[str], among: Sequence[str]) -> None:
        """Raise a WorkbenchError when it asks for what is not there; the nearest is told."""
        for gate in self.gating.gates:
            for name in (gate.x, gate.y):
                if gate.method == "manual" and name not in channels:
                    raise WorkbenchError(
                        f"gate '{gate.population}' asks for channel '{name}'. {suggest(name, channels)}"
                    )
        for plane in self.planes:
            for name in (plane.x, plane.y):
                if name not in channels:
                    raise WorkbenchError(f"there is no channel '{name}' to draw. {suggest(name, channels)}")
            for name in plane.only:
                if name not in self.populations:
                    raise WorkbenchError(f"there is no population '{name}'. {suggest(name, self.populations)}")
        if self.among and self.among not in among:
            raise WorkbenchError(f"no column '{self.among}' says which particles count. {suggest(self.among, among)}")


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
