"""All particles of a time range, counted once: a picture of the whole, and one for each part of the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from workbench.catalog.source import Source
from workbench.core.codes import SIZE
from workbench.core.errors import WorkbenchError
from workbench.core.viewport import Viewport
from workbench.core.window import Window
from workbench.live.particle_feed import FileTable, ParticleFeed
from workbench.raster.count import count_codes

Planes = Sequence[tuple[str, str]]
Counts = npt.NDArray[np.uint32]

#: Cells on each axis of the finest picture, of the picture seen first, and of one of the parts.
FINE, WHOLE, PART = 2048, 512, 256
#: Particles counted at most; of more, every second (third, ...) file is taken.
MOST = 800_000_000
#: Particles counted at once.
_BATCH = 1 << 21
#: Threads that count.
_THREADS = 2


@dataclass(frozen=True)
class Part:
    """A part of the time.

    Attributes
    ----------
    window : Window
    files, particles : int
        Counted.
    counts : mapping of (x, y) to numpy.ndarray of uint32, shape (PART, PART)
    """

    window: Window
    files: int = 0
    particles: int = 0
    counts: dict[tuple[str, str], Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class Mosaic:
    """The particles of a source.

    Attributes
    ----------
    table : FileTable
        The files of the window.
    whole : mapping of (x, y) to numpy.ndarray of uint32, shape (FINE, FINE)
        Row 0 holds the lowest y.
    parts : tuple of Part
    refused : tuple of str
        ``path: reason``.
    every : int
        Each `every`-th file was counted.
    fault : str or None
    """

    table: FileTable
    whole: dict[tuple[str, str], Counts] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    refused: tuple[str, ...] = ()
    every: int = 1
    fault: str | None = None


def viewport(cells: int) -> Viewport:
    """All log codes in so many cells."""
    return Viewport(0, SIZE, 0, SIZE, cells, cells)


def coarser(counts: Counts, cells: int) -> Counts:
    """The same counts in fewer cells."""
    k = counts.shape[0] // cells
    return counts.reshape(cells, k, cells, k).sum(axis=(1, 3), dtype=np.uint32)


def split(window: Window, parts: int) -> list[Window]:
    """`parts` windows of equal length, which together are `window`."""
    start, stop = (int(t.astype(np.int64)) for t in window)
    edges = [start + (stop - start) * i // parts for i in range(parts + 1)]
    return [Window(np.datetime64(a, "ns"), np.datetime64(b, "ns")) for a, b in pairwise(edges)]


def count(
    source: Source, window: Window, planes: Planes, parts: int,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Mosaic:  # fmt: skip
    """Count the particles of `window`.

    Parameters
    ----------
    source : Source
    window : Window
    planes : sequence of (x, y)
        Channels; those that the source does not have are left out.
    parts : int
    progress : callable of int, int
        Told files done and files in all.
    """
    feed = ParticleFeed(source, kept=0)
    feed.poll()
    while feed.more:
        feed.poll()
    if feed.fault and not len(feed.table):
        return Mosaic(feed.table, fault=feed.fault)
    inside = feed.table.within(window)
    table = feed.table._chosen(np.arange(len(feed.table))[inside])
    refused = tuple(line for line in str(source.open(window).attrs.get("refused") or "").splitlines() if line)
    known = [plane for plane in dict.fromkeys(planes) if set(plane) <= set(feed.channels)]
    every = max(1, -(-int(table.sizes.sum()) // MOST))
    whole = {plane: np.zeros((FINE, FINE), np.uint32) for plane in known}
    work = _Work(feed, table, known, every, progress, len(table) // every)
    made = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for part, fine in pool.map(work.part, split(window, parts)):
            made.append(part)
            for plane, counts in fine.items():
                whole[plane] += counts
    return Mosaic(table, whole, tuple(made), tuple(dict.fromkeys([*refused, *work.faults])), every)


class _Work:
    """What the threads share."""

    def __init__(
        self, feed: ParticleFeed, table: FileTable, planes: Planes, every: int,
        progress: Callable[[int, int], object], total: int,
    ) -> None:  # fmt: skip
        self._feed, self._table, self._planes, self._every = feed, table, planes, every
        self._progress, self._total, self._done = progress, total, 0
        self.faults: list[str] = []

    def part(self, window: Window) -> tuple[Part, dict[tuple[str, str], Counts]]:
        """The counts of one part of the time, coarse and fine."""
        fine = {plane: np.zeros((FINE, FINE), np.uint32) for plane in self._planes}
        inside = range(len(self._table))[self._table.within(window)]
        waiting: list[dict[str, npt.NDArray[np.uint16]]] = []
        size = files = particles = 0
        for i in inside:
            if i % self._every:
                continue
            columns = self._read(i)
            if columns is not None:
                waiting.append(columns)
                files, rows = files + 1, int(self._table.sizes[i])
                size, particles = size + rows, particles + rows
            if size > _BATCH:
                _count(waiting, fine)
                waiting, size = [], 0
            self._done += 1
            self._progress(self._done, self._total)
        _count(waiting, fine)
        return Part(window, files, particles, {plane: coarser(c, PART) for plane, c in fine.items()}), fine

    def _read(self, i: int) -> dict[str, npt.NDArray[np.uint16]] | None:
        path, serial = self._table.paths[i], int(self._table.serials[i])
        try:
            out: dict[str, npt.NDArray[np.uint16]] = {}
            names = sorted({name for plane in self._planes for name in plane})
            raw = self._feed.source.columns(path, names) if names else {}
            if all(values.dtype == np.uint16 for values in raw.values()):
                return dict(raw)
            for x, y in self._planes:
                out[f"{x}|{y}|x"], out[f"{x}|{y}|y"] = self._feed.codes(path, serial, x, y, keep=False)
            return out
        except (WorkbenchError, OSError) as error:
            self.faults.append(str(error))
            return None


def _count(waiting: list[dict[str, npt.NDArray[np.uint16]]], fine: dict[tuple[str, str], Counts]) -> None:
    """Add some files to the counts of every plane."""
    for (x, y), counts in fine.items():
        pairs = [(c.get(f"{x}|{y}|x", c.get(x)), c.get(f"{x}|{y}|y", c.get(y))) for c in waiting]
        xs = [a for a, _ in pairs if a is not None]
        ys = [b for _, b in pairs if b is not None]
        if xs:
            count_codes(np.concatenate(xs), np.concatenate(ys), viewport(FINE), counts)
