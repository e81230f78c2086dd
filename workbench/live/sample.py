"""A fixed random sample of particles: what can be told of millions within some milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_linear
from workbench.live.blocks import Block, Blocks, Place
from workbench.live.file_table import FileTable

Numbers = npt.NDArray[np.float64]


class Sample:
    """Some particles of the files in view, each as likely as any other.

    Parameters
    ----------
    table : FileTable
    view : list of (Place, first, stop)
        Files in view, by block.
    channels : tuple of str
    size : int
        Particles wanted.
    """

    def __init__(
        self, table: FileTable, view: Sequence[tuple[Place, int, int]], channels: tuple[str, ...], size: int
    ) -> None:
        self.table, self.channels = table, channels
        self._waiting = [view[i] for i in np.random.default_rng(0).permutation(len(view))]
        self._told = sum(int(table.sizes[p.first + a : p.first + b].sum()) for p, a, b in view)
        self._share = min(1.0, size / max(1, self._told))
        self._parts: list[Block] = []
        self._seen = self._read = 0  # particles that count, and those told by the table, of the blocks visited
        self._whole: Block | None = None
        self._lock = Lock()

    @property
    def complete(self) -> bool:
        """True when no block is left to look at."""
        return not self._waiting

    @property
    def particles(self) -> int:
        """How many are in view, as far as can be told."""
        return self._seen if self.complete else round(self._seen * self._told / max(1, self._read))

    def visit(self, blocks: Blocks, until: float, unwanted: Callable[[], bool]) -> None:
        """Look at blocks, those in memory first, until this `time.perf_counter`; at one in any case, if there was none."""
        with self._lock:
            self._waiting.sort(key=lambda part: not blocks.holds(part[0], self.channels))
        while True:
            with self._lock:
                if not self._waiting or (self._parts and time.perf_counter() >= until):
                    return
                part = self._waiting[0]
            block = blocks.load(self.table, part[0], self.channels, unwanted)
            with self._lock:
                if part in self._waiting:  # else another thread was faster
                    self._pick(block, *part)
                    self._waiting.remove(part)

    def block(self) -> Block:
        """The particles as one block; its "files" are the visits."""
        with self._lock:
            if self._whole is None:
                self._whole = _together(self.channels, self._parts)
            return self._whole

    def _pick(self, block: Block, place: Place, first: int, stop: int) -> None:
        start, end = int(block.offsets[first]), int(block.offsets[stop])
        n = end - start
        self._seen += n
        self._read += int(self.table.sizes[place.first + first : place.first + stop].sum())
        dice = np.random.default_rng([1, place.first, first])
        wanted = min(n, int(n * self._share + dice.random()))
        rows = (
            start + np.sort(dice.choice(n, wanted, replace=False, shuffle=False)) if wanted else np.empty(0, np.int64)
        )
        order = np.array([block.channels.index(name) for name in self.channels])[:, np.newaxis]
        codes = block.codes[order, rows]
        values = codes if block.values is block.codes else block.values[order, rows]
        bad = {name: mask[rows] for name, mask in block.bad.items()}
        self._parts.append(Block(self.channels, values, codes, np.array([0, wanted]), bad))
        self._whole = None


def _together(channels: tuple[str, ...], parts: list[Block]) -> Block:
    codes = np.concatenate([part.codes for part in parts], axis=1)
    if all(part.values is part.codes for part in parts):
        values = codes
    else:
        values = np.concatenate(
            [to_linear(part.values) if part.values.dtype == np.uint16 else part.values for part in parts], axis=1
        )
    names = {name for part in parts for name in part.bad}
    bad = {
        name: np.concatenate([part.bad.get(name, np.zeros(part.codes.shape[1], np.bool_)) for part in parts])
        for name in names
    }
    ends = np.cumsum([0, *(part.codes.shape[1] for part in parts)])
    return Block(channels, values, codes, ends, bad)


def estimated(
    found: npt.NDArray[np.int64], visits: npt.NDArray[np.int64], particles: int, complete: bool
) -> tuple[Numbers, Numbers]:
    """Counts of all from those in a sample, and their standard error.

    Parameters
    ----------
    found : numpy.ndarray of int64, shape (populations,)
        Particles of the sample.
    visits : numpy.ndarray of int64, shape (visits, populations)
        Those of each block looked at.
    particles : int
        How many there are.
    complete : bool
        Every block was looked at; else the differences between blocks are part of the error.

    Returns
    -------
    counts, error : numpy.ndarray of float64, shape (populations,)
        The error is that of a share in a sample drawn without putting back; of a population that nobody saw, as if half
        a particle had been seen. NaN where one block tells nothing about the others.
    """
    n = int(found.sum())
    if not n:
        return np.zeros(len(found)), np.full(len(found), np.nan if particles or not complete else 0.0)
    counts = np.asarray(found * (particles / n), np.float64)
    share = np.asarray((found + 0.5) / (n + 1), np.float64)
    variance = share * (1 - share) / n * max(0.0, 1 - n / max(n, particles))
    if not complete:
        sizes = visits.sum(axis=1)
        if len(visits) < 2:
            return counts, np.full(len(found), np.nan)
        apart = visits - sizes[:, np.newaxis] * (found / n)
        variance = np.maximum(variance, (apart**2).sum(axis=0) / n**2 * len(visits) / (len(visits) - 1))
    return counts, np.asarray(particles * np.sqrt(variance))
