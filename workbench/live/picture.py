"""One picture's counts, kept up to date: new files are added, files that left the window are taken off, exactly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.core.viewport import Viewport
from workbench.live.particle_feed import Codes, FileTable, ParticleFeed
from workbench.live.question import Question
from workbench.raster.count import count_codes
from workbench.raster.encode import pack
from workbench.raster.levels import levels

log = logging.getLogger(__name__)

Counts = npt.NDArray[np.uint32]
#: Rows of a FileTable.
Indices = npt.NDArray[np.int64]
#: Particles from which two threads count faster than one, and from which columns are not kept (they would not fit).
MANY, TOO_MANY = 4_000_000, 8_000_000
#: Particles gathered before they are counted (each call pays for the whole picture once).
BATCH = 1 << 19


@dataclass(frozen=True)
class Frame:
    """A finished picture: `header` (JSON-able) and the packed levels, the same object for all who ask."""

    revision: str
    header: dict[str, Any]
    packed: bytes


class Picture:
    """The counts of one question and the frame made of them.

    Used by one worker at a time (the Gallery sees to that).

    Parameters
    ----------
    question : Question
    feed : ParticleFeed
    """

    def __init__(self, question: Question, feed: ParticleFeed) -> None:
        self.question, self.feed = question, feed
        self.frame: Frame | None = None
        self._counts: Counts | None = None
        self._held = np.empty(0, np.int64)  # serials of the files counted

    @property
    def nbytes(self) -> int:
        """Memory held."""
        counts, frame = self._counts, self.frame
        return (0 if counts is None else counts.nbytes) + (len(frame.packed) if frame else 0) + self._held.nbytes

    def forget(self) -> None:
        """Let the counts go; the next `draw` counts everything again."""
        self._counts, self._held = None, np.empty(0, np.int64)

    def fail(self, revision: str, fault: str) -> Frame:
        """A frame that says why there is no picture."""
        self.frame = Frame(revision, {"revision": revision, "fault": fault}, b"")
        return self.frame

    def draw(
        self, table: FileTable, part: slice, revision: str, pool: Executor, unwanted: Callable[[], bool]
    ) -> Frame | None:
        """Bring the counts up to these files and make the frame.

        Parameters
        ----------
        table, part
            The files to show.
        revision : str
            Names the result.
        pool : Executor
            Lends a second thread to big counts.
        unwanted : callable
            Asked between files; when it says True the work stops (what is counted stays counted).

        Returns
        -------
        Frame or None
            None when it was stopped.
        """
        faults: list[str] = []
        if not self._subtract(table, part):
            self.forget()
        missing = np.arange(len(table))[part][~np.isin(table.serials[part], self._held)]
        self._add(table, missing, pool, unwanted, faults)
        held = np.isin(table.serials[part], self._held)
        if int(held.sum()) + len(faults) < len(held):
            return None
        self.frame = self._framed(table, part, revision, faults)
        return self.frame

    def _subtract(self, table: FileTable, part: slice) -> bool:
        """Take off the files that left; False when counting everything anew is cheaper or the only way."""
        left = self._held[~np.isin(self._held, table.serials[part])]
        if not len(left):
            return True
        gone = np.flatnonzero(np.isin(table.serials, left))
        if len(gone) < len(left):
            return False  # one was rewritten or is gone: nobody has its old particles
        staying = table.sizes[part][np.isin(table.serials[part], self._held)]
        if self._counts is None or table.sizes[gone].sum() >= staying.sum():
            return False
        off, faults = np.zeros_like(self._counts), list[str]()
        self._count(table, gone, off, False, lambda: False, faults)
        if faults:
            return False
        self._counts -= off
        self._held = self._held[~np.isin(self._held, left)]
        return True

    def _add(
        self, table: FileTable, new: Indices, pool: Executor, unwanted: Callable[[], bool], faults: list[str]
    ) -> None:
        total = int(table.sizes[new].sum())
        parts = [new] if total < MANY else [new[0::2], new[1::2]]
        lock = Lock()

        def work(mine: Indices) -> None:
            out = np.zeros(self._shape, np.uint32)
            done = self._count(table, mine, out, total < TOO_MANY, unwanted, faults)
            with lock:
                self._counts = out if self._counts is None else self._counts + out
                self._held = np.concatenate([self._held, table.serials[done]])

        others = [pool.submit(work, part) for part in parts[1:]]
        work(parts[0])
        for other in others:
            other.result()

    @property
    def _shape(self) -> tuple[int, int]:
        return self.question.viewport.height, self.question.viewport.width

    def _count(
        self, table: FileTable, files: Indices, out: Counts, keep: bool, unwanted: Callable[[], bool], faults: list[str]
    ) -> list[int]:
        """Count files of the table into `out`; the ones counted."""
        q = self.question
        done: list[int] = []
        batch = _Batch(q.viewport, out)
        for i in files.tolist():
            if unwanted():
                break
            try:
                batch.add(*self.feed.codes(table.paths[i], int(table.serials[i]), q.x, q.y, keep=keep))
                done.append(i)
            except (WorkbenchError, OSError) as error:
                faults.append(str(error))
        batch.flush()
        return done

    def _framed(self, table: FileTable, part: slice, revision: str, faults: list[str]) -> Frame:
        counts = self._counts if self._counts is not None else np.zeros(self._shape, np.uint32)
        v, held = self.question.viewport, np.isin(table.serials[part], self._held)
        header: dict[str, Any] = {
            "revision": revision, "x0": v.x0, "x1": v.x1, "y0": v.y0, "y1": v.y1, "width": v.width, "height": v.height,
            "particles": int(table.sizes[part][held].sum()), "shown": int(counts.sum()), "files": int(held.sum()),
            "time": _ends(table.times[part]), "max": int(counts.max(initial=0)),
        }  # fmt: skip
        if faults:
            header |= {"unread": len(faults), "why": faults[0]}
        if not len(self._held) and not faults:
            header["empty"] = "no data in this time range"
        return Frame(revision, header, pack(levels(counts)))


class _Batch:
    """Gathers the particles of small files, so that counting (which pays for the whole picture) is called seldom."""

    def __init__(self, viewport: Viewport, out: Counts) -> None:
        self._viewport, self._out = viewport, out
        self._x, self._y = np.empty(BATCH, np.uint16), np.empty(BATCH, np.uint16)
        self._size = 0

    def add(self, x: Codes, y: Codes) -> None:
        """Count these, now or with the next ones."""
        if self._size + x.size > BATCH:
            self.flush()
        if x.size > BATCH:
            count_codes(x, y, self._viewport, self._out)
            return
        end = self._size + x.size
        self._x[self._size : end], self._y[self._size : end] = x, y
        self._size = end

    def flush(self) -> None:
        """Count what is left."""
        if self._size:
            count_codes(self._x[: self._size], self._y[: self._size], self._viewport, self._out)
            self._size = 0


def warm() -> None:
    """Load the compiled loops, so that the first picture need not wait for them."""
    codes = np.zeros(2, np.uint16)
    pack(levels(count_codes(codes, codes, Viewport(0, 1 << 16, 0, 1 << 16, 64, 64))))


def _ends(times: npt.NDArray[np.int64]) -> list[str] | None:
    """First and last time, ISO 8601; None without files (or without a dated one)."""
    dated = times[times != np.iinfo(np.int64).min]
    if not len(dated):
        return None
    return [np.datetime_as_string(np.datetime64(int(t), "ns"), unit="s") + "Z" for t in (dated[0], dated[-1])]
