"""All particles of a time range, counted once: a picture of the whole, and one for each part of the time.

What the picture index of the cruise has counted is taken from there; other files are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from workbench.catalog.source import Source
from workbench.core.codes import SIZE
from workbench.core.errors import WorkbenchError
from workbench.core.viewport import Viewport
from workbench.core.window import Window
from workbench.live.file_table import FileTable
from workbench.live.indexed import PLACE, Indexed
from workbench.live.particle_feed import ParticleFeed
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
    if source.folder is not None:
        feed.index = Indexed(Path(source.folder).joinpath(*PLACE, str(source.name)), feed.labels)
    feed.poll()
    while feed.more and not feed.fault:
        feed.poll()
    if feed.fault and not len(feed.table):
        return Mosaic(feed.table, fault=feed.fault)
    inside = feed.table.within(window)
    table = feed.table._chosen(np.arange(len(feed.table))[inside])
    refused = tuple(line for line in str(source.open(window).attrs.get("refused") or "").splitlines() if line)
    known = [plane for plane in dict.fromkeys(planes) if set(plane) <= set(feed.channels)]
    unknown = int(table.sizes.sum()) - (feed.index.covered(table) if feed.index is not None else 0)
    every = max(1, -(-unknown // MOST))
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
        self._lock = Lock()
        self.faults: list[str] = []

    def part(self, window: Window) -> tuple[Part, dict[tuple[str, str], Counts]]:
        """The counts of one part of the time, coarse and fine."""
        span = self._table.within(window)
        inside = range(len(self._table))[span]
        fine, held = self._indexed(span)
        waiting: list[dict[str, npt.NDArray[np.uint16]]] = []
        size, files, particles = 0, int(held.sum()), int(self._table.sizes[span][held].sum())
        for i, known in zip(inside, held.tolist(), strict=True):
            if known or i % self._every:
                continue
            columns = self._read(i)
            if columns is not None:
                waiting.append(columns)
                files, rows = files + 1, int(self._table.sizes[i])
                size, particles = size + rows, particles + rows
            if size > _BATCH:
                _count(waiting, fine)
                waiting, size = [], 0
            with self._lock:
                self._done += 1
                self._progress(self._done, self._total)
        _count(waiting, fine)
        return Part(window, files, particles, {plane: coarser(c, PART) for plane, c in fine.items()}), fine

    def _indexed(self, span: slice) -> tuple[dict[tuple[str, str], Counts], npt.NDArray[np.bool_]]:
        """What the index has counted, and which of these files that are; of every `every`-th file, it is of no use."""
        index, serials = self._feed.index, self._table.serials[span]
        none = {plane: np.zeros((FINE, FINE), np.uint32) for plane in self._planes}
        if index is None or self._every > 1 or not len(serials):
            return none, np.zeros(len(serials), bool)
        found = {(x, y): index.count(x, y, "", viewport(FINE), self._table, span) for x, y in self._planes}
        told = {plane: answer for plane, answer in found.items() if answer is not None}
        if not told or len(told) < len(found):
            return none, np.zeros(len(serials), bool)
        known = [np.isin(serials, counted) for _, counted in told.values()]
        if any((one != known[0]).any() for one in known):
            return none, np.zeros(len(serials), bool)
        with self._lock:
            self._done += int(known[0].sum())
            self._progress(self._done, self._total)
        return {plane: counts.astype(np.uint32) for plane, (counts, _) in told.items()}, known[0]

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
