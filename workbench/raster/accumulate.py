"""Counting with a kept scratch picture, on two threads where that pays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, local

import numpy as np
import numpy.typing as npt

from workbench.raster.scatter import EXTRA, WORTH, drain

Counts = npt.NDArray[np.uint32]
Scratch = npt.NDArray[np.uint8]

#: Two threads lose below this many points (measured: starting one costs more than it saves).
THREADED = 5_000_000
#: The least points that a thread takes at a time (each costs some 15 us on its own); of columns that are copied first, as
#: many as stay in the second-level cache.
PIECE, STRIDED = 1 << 19, 1 << 17
_KEPT = 1 << 22  # cells of a scratch picture that are kept between calls

_mine = local()


def accumulate(
    scatter: Callable[[slice, Scratch, Counts, int], int], rows: int, stride: int, out: Counts, *, sign: int = 1,
    strided: bool = False,
) -> None:  # fmt: skip
    """Run `scatter` over all rows, on two threads with a picture each where that pays.

    What it counts is added to `out` (`sign` 1) or taken off (-1).

    The threads take pieces in turn, large ones first: neither waits for one that the machine keeps from running.
    """
    lock = Lock()
    pieces = _pieces(rows, strided)

    def part() -> None:
        with _scratch(out.shape[0] * stride + EXTRA) as flat:
            notes, noted = np.empty((rows >> WORTH) + EXTRA, np.uint32), 0
            while True:
                with lock:
                    piece = next(pieces, None)
                if piece is None:
                    break
                noted = scatter(piece, flat, notes, noted)
            with lock:
                drain(flat, stride, notes[:noted], np.uint32(sign & 0xFFFFFFFF), out)

    if rows < THREADED or cores() < 2:
        part()
        return
    with ThreadPoolExecutor(1) as other:
        first = other.submit(part)
        part()
        first.result()


def _pieces(rows: int, strided: bool) -> Iterator[slice]:
    """All rows: a quarter of what is left at a time, down to `PIECE`; `STRIDED` where they are copied first."""
    start = 0
    while start < rows:
        stop = min(rows, start + (min(PIECE, STRIDED) if strided else max(PIECE, (rows - start) // 4)))
        yield slice(start, stop)
        start = stop


@contextmanager
def _scratch(cells: int) -> Iterator[Scratch]:
    """A zeroed picture of this thread, kept between calls: fresh pages would cost more than the counting."""
    kept: Scratch | None = getattr(_mine, "flat", None)
    flat = kept if kept is not None and kept.size >= cells else np.zeros(cells, np.uint8)
    _mine.flat = None  # an interrupted call leaves counts behind: nobody gets that picture again
    yield flat
    _mine.flat = flat if flat.size <= _KEPT else None


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
