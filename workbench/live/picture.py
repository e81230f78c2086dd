"""One picture's counts, kept up to date: new files are added, files that left the window are taken off, exactly.

Where more than a million particles would have to be counted and the source has an index, the counts come out of it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from threading import Lock
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.core.viewport import Viewport
from workbench.live import indexed
from workbench.live.file_table import FileTable
from workbench.live.labels import order
from workbench.live.particle_feed import ParticleFeed
from workbench.live.question import Question
from workbench.live.tally import Counts, Tally, nothing, plus
from workbench.raster import tiles
from workbench.raster.count import count_codes
from workbench.raster.encode import pack
from workbench.raster.levels import levels

log = logging.getLogger(__name__)

#: Rows of a FileTable.
Indices = npt.NDArray[np.int64]
#: Particles from which two threads count faster than one, and from which columns are not kept (they would not fit).
MANY, TOO_MANY = 4_000_000, 8_000_000
#: Seconds after which files that could not be read are tried again.
AGAIN = 10.0


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
        self._of = ""  # the revision that the frame was made for
        self._again = math.inf  # when to try again what could not be read (time.monotonic)
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
        self._of, self._again = revision, math.inf
        return self.frame

    def shows(self, revision: str) -> bool:
        """Whether its frame is of this revision, and not one to be tried again by now."""
        return self.frame is not None and self._of == revision and time.monotonic() < self._again

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
        missing = self._missing(table, part)
        if self._look_up(table, part, missing):
            missing = self._missing(table, part)
        self._add(table, missing, pool, unwanted, faults)
        held = np.isin(table.serials[part], self._held)
        if int(held.sum()) + len(faults) < len(held):
            return None
        self._of, self._again = revision, time.monotonic() + AGAIN if faults else math.inf
        self.frame = self._framed(table, part, _named(revision, faults), faults)
        return self.frame

    def _missing(self, table: FileTable, part: slice) -> Indices:
        """The files that are not counted yet."""
        return np.arange(len(table))[part][~np.isin(table.serials[part], self._held)]

    def _look_up(self, table: FileTable, part: slice, missing: Indices) -> bool:
        """Take the counts out of the feed's index, where that spares much counting."""
        index, q = self.feed.index, self.question
        wanted = int(table.sizes[missing].sum())
        if index is None or wanted <= indexed.MANY:
            return False
        found = index.count(q.x, q.y, q.by, q.viewport, table, part)
        if found is None:
            return False
        counts, serials = found
        left = int(table.sizes[part][~np.isin(table.serials[part], serials)].sum())
        if left >= wanted:
            return False
        self._counts, self._held = counts, serials
        return True

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
        index = self.feed.index
        if index is not None and table.sizes[gone].sum() > indexed.MANY and index.covered(table) > indexed.MANY:
            return False
        faults = list[str]()
        _, off = self._count(table, gone, False, lambda: False, faults)
        if faults:
            return False
        self._counts = plus(self._counts, off, -1)
        self._held = self._held[~np.isin(self._held, left)]
        return True

    def _add(
        self, table: FileTable, new: Indices, pool: Executor, unwanted: Callable[[], bool], faults: list[str]
    ) -> None:
        total = int(table.sizes[new].sum())
        parts = [new] if total < MANY else [new[0::2], new[1::2]]
        lock = Lock()

        def work(mine: Indices) -> None:
            done, out = self._count(table, mine, total < TOO_MANY, unwanted, faults)
            with lock:
                self._counts = out if self._counts is None else plus(self._counts, out)
                self._held = np.concatenate([self._held, table.serials[done]])

        others = [pool.submit(work, part) for part in parts[1:]]
        work(parts[0])
        for other in others:
            other.result()

    def _count(
        self, table: FileTable, files: Indices, keep: bool, unwanted: Callable[[], bool], faults: list[str]
    ) -> tuple[list[int], Counts]:
        """Count files of the table; the ones counted, and their counts."""
        q = self.question
        done: list[int] = []
        tally = Tally(q.viewport, bool(q.by))
        for i in files.tolist():
            if unwanted():
                break
            path, serial = table.paths[i], int(table.serials[i])
            try:
                if q.by:
                    tally.add(*self.feed.labelled(path, serial, q.x, q.y, q.by, keep=keep))
                else:
                    tally.add(*self.feed.codes(path, serial, q.x, q.y, keep=keep))
                done.append(i)
            except (WorkbenchError, OSError) as error:
                faults.append(str(error))
        tally.flush()
        return done, tally.counts

    def _framed(self, table: FileTable, part: slice, revision: str, faults: list[str]) -> Frame:
        v = self.question.viewport
        counts = self._counts if self._counts is not None else nothing(v, bool(self.question.by))
        more: dict[str, Any] = {}
        if self.question.by:
            counts, more = self._by_population(counts)
        held = np.isin(table.serials[part], self._held)
        header: dict[str, Any] = {
            "revision": revision, "x0": v.x0, "x1": v.x1, "y0": v.y0, "y1": v.y1, "width": v.width, "height": v.height,
            "particles": int(table.sizes[part][held].sum()), "shown": int(counts.sum()), "files": int(held.sum()),
            "time": _ends(table.times[part]), "max": int(counts.max(initial=0)), **more,
        }  # fmt: skip
        if faults:
            header |= {"unread": len(faults), "why": faults[0]}
        if not len(self._held) and not faults:
            header["empty"] = "no data in this time range" if len(table) else "no data yet"
        return Frame(revision, header, pack(levels(counts)))

    def _by_population(self, counts: Counts) -> tuple[Counts, dict[str, Any]]:
        """The planes of those who are there, one below the other, and who they are: the levels of all are one scale."""
        names = self.feed.labels.names
        here = [i for i in order(names) if i < len(counts) and counts[i].any()]
        v = self.question.viewport
        shown = counts[here].reshape(len(here) * v.height, v.width)
        told = {
            "planes": max(1, len(here)),
            "populations": [names[i] for i in here],
            "each": [int(counts[i].sum()) for i in here],
        }
        return shown if here else np.zeros((v.height, v.width), np.uint32), told


def warm() -> None:
    """Load the compiled loops, so that the first picture need not wait for them."""
    codes = np.zeros(2, np.uint16)
    pack(levels(count_codes(codes, codes, Viewport(0, 1 << 16, 0, 1 << 16, 64, 64))))
    tiles.warm()


def _named(revision: str, faults: Sequence[str]) -> str:
    """The revision of a picture without what could not be read."""
    return f"{revision}-{crc32(' '.join(sorted(faults)).encode()):08x}" if faults else revision


def _ends(times: npt.NDArray[np.int64]) -> list[str] | None:
    """First and last time, ISO 8601; None without files (or without a dated one)."""
    dated = times[times != np.iinfo(np.int64).min]
    if not len(dated):
        return None
    return [np.datetime_as_string(np.datetime64(int(t), "ns"), unit="s") + "Z" for t in (dated[0], dated[-1])]
