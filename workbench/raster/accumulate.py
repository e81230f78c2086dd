"""Counting with a kept scratch picture, on two threads where that pays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

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
_KEPT = 1 << 22  # bytes of a scratch picture, and of its notes, that are kept between calls

_kept: list[tuple[Scratch, Counts]] = []


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
        with _scratch(out.shape[0] * stride + EXTRA, (rows >> WORTH) + EXTRA) as (flat, notes):
            noted = 0
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
def _scratch(cells: int, room: int) -> Iterator[tuple[Scratch, Counts]]:
    """A zeroed picture and room for notes, kept between calls: fresh pages would cost some of the counting."""
    try:
        flat, notes = _kept.pop()
    except IndexError:
        flat, notes = np.zeros(0, np.uint8), np.empty(0, np.uint32)
    flat = flat if flat.size >= cells else np.zeros(cells, np.uint8)
    notes = notes if notes.size >= room else np.empty(room, np.uint32)
    yield flat, notes  # an interrupted call leaves counts behind: nobody gets that picture again
    if max(flat.nbytes, notes.nbytes) <= _KEPT and len(_kept) < cores():
        _kept.append((flat, notes))


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
