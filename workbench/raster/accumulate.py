"""Counting with a kept scratch picture, on two threads where that pays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, local

import numpy as np
import numpy.typing as npt

from workbench.raster.scatter import EXTRA, drain

Counts = npt.NDArray[np.uint32]
Scratch = npt.NDArray[np.uint16]

#: Two threads lose below this many points (measured: starting one costs more than it saves).
THREADED = 5_000_000
#: Points that a thread takes at a time; of columns that are copied first, as many as stay in the second-level cache.
PIECE, STRIDED = 1 << 19, 1 << 17
_KEPT = 1 << 22  # cells of a scratch picture that are kept between calls

_mine = local()


def accumulate(
    scatter: Callable[[slice, Scratch], Counts], rows: int, stride: int, out: Counts, *, sign: int = 1,
    strided: bool = False,
) -> None:  # fmt: skip
    """Run `scatter` over all rows, on two threads with a picture each where that pays.

    What it counts is added to `out` (`sign` 1) or taken off (-1).

    The threads take pieces in turn: neither waits for one that the machine keeps from running.
    """
    lock = Lock()
    step = min(PIECE, STRIDED) if strided else PIECE
    pieces = iter(range(0, rows, step))

    def part() -> None:
        with _scratch(out.shape[0] * stride + EXTRA) as flat:
            notes = [np.empty(0, np.uint32)]
            while True:
                with lock:
                    start = next(pieces, None)
                if start is None:
                    break
                notes.append(scatter(slice(start, min(rows, start + step)), flat))
            with lock:
                drain(flat, stride, np.concatenate(notes), np.uint32(sign & 0xFFFFFFFF), out)

    if rows < THREADED or cores() < 2:
        part()
        return
    with ThreadPoolExecutor(1) as other:
        first = other.submit(part)
        part()
        first.result()


@contextmanager
def _scratch(cells: int) -> Iterator[Scratch]:
    """A zeroed picture of this thread, kept between calls: fresh pages would cost more than the counting."""
    kept: Scratch | None = getattr(_mine, "flat", None)
    flat = kept if kept is not None and kept.size >= cells else np.zeros(cells, np.uint16)
    _mine.flat = None  # an interrupted call leaves counts behind: nobody gets that picture again
    yield flat
    _mine.flat = flat if flat.size <= _KEPT else None


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
