"""The end of one Source's journal, where entries are appended."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from errno import ENOENT
from pathlib import Path
from threading import RLock

import numpy as np

from workbench.live.journal import segment as segments
from workbench.live.journal.entry import Position
from workbench.live.journal.segment import HOUR, JITTER, Segment
from workbench.live.receipt import NotKept

#: Seconds without an entry after which a Source counts as silent.
SILENT = 10.0


class Writer:
    """Appends to segments that it made itself; what others left is never written to.

    Parameters
    ----------
    folder : Path
        The Source's folder; made when it is missing.
    closed : callable
        Called with each segment that is written no more.
    """

    def __init__(self, folder: Path, closed: Callable[[Segment], object]) -> None:
        self.folder = folder
        self.failures = 0  #: times that bytes could not be kept
        self.fault: str | None = None  #: why not, until it goes well again
        self._closed = closed
        self._lock = RLock()  # held while the segment changes
        self._segment: Segment | None = None
        self._number = 0  # of the newest segment that was begun here
        self._handle = -1
        self._end = 0
        self._newest = 0.0  # when the last entry was appended, on a clock that only goes forward
        self._dirty = False
        self._named = False  # the segment's name is on disk

    def append(self, frames: bytes, when: np.datetime64, *, synced: bool = False) -> Position:
        """Put whole entries at the end, all or none; the position after them.

        Raises
        ------
        NotKept
            When the disk is full, cannot be written, or is gone.
        """
        with self._lock:
            try:
                segment = self._fitting(when)
                self._write(frames, synced)
            except OSError as error:
                raise self._failed(error) from error
            self.fault = None
            self._dirty |= not synced
            self._newest = time.monotonic()
            return Position(segment.number, self._end)

    @property
    def end(self) -> Position | None:
        """The position after the last entry; None before the first."""
        with self._lock:
            return None if self._segment is None else Position(self._segment.number, self._end)

    @property
    def segment(self) -> Segment | None:
        """The segment that is written now; None between two."""
        return self._segment

    def sync(self) -> bool:
        """Bring what was written onto the disk; False when there was nothing. Appending goes on meanwhile.

        Raises
        ------
        NotKept
            When the disk refuses: what was written since the last time may be lost in a power cut.
        """
        with self._lock:
            if not self._dirty:
                return False
            segment, handle = self._segment, os.dup(self._handle)
            self._dirty = False
        try:
            if os.fstat(handle).st_nlink == 0:
                raise OSError(ENOENT, "the file was taken away")
            self._sync(handle)
        except OSError as error:
            with self._lock:
                if self._segment is segment:
                    self._leave()  # nobody knows what of it is on disk
                raise self._failed(error) from error
        finally:
            os.close(handle)
        return True

    def rotate(self, now: np.datetime64) -> None:
        """Close the segment of a silent Source when its hour is over; others do so with their next entry."""
        with self._lock:
            silent = time.monotonic() - self._newest >= SILENT
            if silent and self._segment is not None and not _fits(self._segment, now):
                self.close()

    def close(self) -> None:
        """Bring everything onto the disk and close the segment; the next entry begins another one."""
        with self._lock:
            segment, handle = self._segment, self._handle
            if segment is None:
                return
            try:
                if self._dirty:
                    self._sync(handle)
            except OSError as error:
                self._failed(error)
            finally:
                self._drop()
            self._closed(segment)

    def _fitting(self, when: np.datetime64) -> Segment:
        if self._segment is not None and not _fits(self._segment, when):
            self.close()
        if self._segment is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            left = segments.find(self.folder) if not self._number else []  # by those before, the first time
            number = left[-1].number if left else self._number
            self._segment = self._create(number + 1, when)
            self._number, self._end, self._named = self._segment.number, 0, False
            for each in left:
                self._closed(each)
        return self._segment

    def _create(self, number: int, when: np.datetime64) -> Segment:
        while True:
            segment = segments.named(self.folder, number, when)
            try:
                handle = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            except FileExistsError:
                number += 1
                continue
            fcntl.flock(handle, fcntl.LOCK_EX)  # nobody packs what is written
            self._handle = handle
            return segment

    def _write(self, frames: bytes, synced: bool) -> None:
        """All of it, or the file stays as it was."""
        view, done = memoryview(frames), 0
        try:
            while done < len(view):
                done += os.write(self._handle, view[done:])
            if synced:
                self._sync(self._handle)
        except OSError:
            try:
                os.ftruncate(self._handle, self._end)
            except OSError:
                self._leave()  # half an entry stays at its end, and is left out by readers
            raise
        self._end += len(view)

    def _sync(self, handle: int) -> None:
        os.fdatasync(handle)
        if not self._named:
            segments.sync_folder(self.folder)
            self._named = True

    def _failed(self, error: OSError) -> NotKept:
        """Count it, and say what it means."""
        self.failures += 1
        self.fault = (
            f"{self.folder}: cannot be written ({error.strerror or error}). Nothing that was acknowledged is lost; "
            "it goes on by itself once there is room and the disk can be written"
        )
        return NotKept(self.fault)

    def _leave(self) -> None:
        segment = self._segment
        self._drop()
        if segment is not None:
            self._closed(segment)

    def _drop(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._segment, self._handle, self._end, self._dirty = None, -1, 0, False


def _fits(segment: Segment, when: np.datetime64) -> bool:
    begin = segment.hour.astype("datetime64[ns]")
    return bool(begin - JITTER <= when < begin + HOUR)
