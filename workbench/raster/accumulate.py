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

#: Two threads lose below this many points (measured: starting one costs more than it saves).
THREADED = 5_000_000
_KEPT = 1 << 21  # cells of a scratch picture that are kept between calls

_mine = local()


def accumulate(scatter: Callable[[slice, Counts], None], rows: int, stride: int, out: Counts) -> None:
    """Run `scatter` over all rows, on two threads with a picture each where that pays, and add to `out`."""
    lock = Lock()

    def part(some: slice) -> None:
        with _scratch(out.shape[0] * stride + EXTRA) as flat:
            scatter(some, flat)
            with lock:
                drain(flat, stride, out)

    if rows < THREADED or cores() < 2:
        part(slice(0, rows))
        return
    with ThreadPoolExecutor(1) as other:
        first = other.submit(part, slice(0, rows // 2))
        part(slice(rows // 2, rows))
        first.result()


@contextmanager
def _scratch(cells: int) -> Iterator[Counts]:
    """A zeroed picture of this thread, kept between calls: fresh pages would cost more than the counting."""
    kept: Counts | None = getattr(_mine, "flat", None)
    flat = kept if kept is not None and kept.size >= cells else np.zeros(cells, np.uint32)
    _mine.flat = None  # an interrupted call leaves counts behind: nobody gets that picture again
    yield flat
    _mine.flat = flat if flat.size <= _KEPT else None


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
