"""An HDF5 file opened for reading, whoever else has it open, and never so that a writer is kept out.

* No lock is taken: a reader's lock would keep a logger from opening its own file.
* A file that says it is open for writing (its writer at work in SWMR mode or not, killed, or the file a copy of such a
  one) is read through a view in which its superblock says that it is closed. Each opening sees the file as it is now:
  libhdf5 gives a second plain opening in one process what the first one saw.
* libhdf5's own SWMR mode is not used: at metadata whose checksum is wrong it tries a hundred times, for seconds, with
  every other file waiting; at half a copy of a live file the checksum stays wrong. The view reads small pieces until two
  looks agree, and what was caught between two writes is `Torn`: whoever reads a growing file looks `again`.

What libhdf5 and h5py raise about bytes they do not like comes out as ReaderError.
"""

from __future__ import annotations

import functools
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from typing import Any, ParamSpec, TypeVar

import h5py

from workbench.core.errors import ReaderError
from workbench.readers import hdf5_superblock as superblock
from workbench.readers.hdf5_superblock import Superblock, Torn

#: What h5py raises when bytes are not what they should be.
BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError, SystemError)
#: libhdf5 does one thing at a time; so do we, so that no two openings of one file disagree.
_ONE = threading.RLock()
#: Looks at a growing file that was caught between two writes, and seconds from one to the next.
_LOOKS, _WAIT = 4, 0.02
#: A growing file may be so much longer by the time it is read.
_GROWTH = 1 << 30
#: Pieces up to this size are read until two looks agree, so often at most.
_SMALL, _AGREE = 1 << 16, 8

P = ParamSpec("P")
T = TypeVar("T")


def again(call: Callable[P, T]) -> Callable[P, T]:
    """Call once more when the file was caught between two writes; its last word counts."""

    @functools.wraps(call)
    def calls(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(_LOOKS - 1):
            try:
                return call(*args, **kwargs)
            except Torn:
                time.sleep(_WAIT)
        return call(*args, **kwargs)

    return calls


@contextmanager
def opened(path: str | PathLike[str]) -> Iterator[tuple[h5py.File, bool]]:
    """Open `path` for as long as the block lasts; with it, whether somebody may be adding to it (SWMR).

    Raises
    ------
    ReaderError
        When it is no whole HDF5 file, or what the block reads of it is broken.
    """
    with _ONE:
        block = superblock.checked(path)
        view: io.RawIOBase | None = None
        try:
            if block.writing:
                view = ClosedView(fspath(path), block)
            file = _open(fspath(path), view)
            try:
                yield file, block.swmr
            finally:
                file.close()
        except ReaderError:
            raise
        except BROKEN as error:
            raise broken(path, error, Torn if block.swmr else ReaderError) from error
        finally:
            if view is not None:
                view.close()


def _open(path: str, view: io.RawIOBase | None) -> h5py.File:
    if view is not None:
        return h5py.File(view, "r")
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r")  # this process has it open already, with a lock


def broken(path: str | PathLike[str], error: Exception, kind: type[ReaderError] = ReaderError) -> ReaderError:
    """What h5py said, as a ReaderError."""
    if isinstance(error, FileNotFoundError):
        return ReaderError(path, "no such file or folder")
    said = " ".join(str(error).split()) or type(error).__name__
    return kind(path, f"broken HDF5 ({said[:200]})")


class ClosedView(io.RawIOBase):
    """A file as it would be had its writer closed it: read only, with another superblock.

    One in SWMR mode is as long as its writer may make it while it is read. Beyond its end are ones, not zeros: what should
    lie there fails its checksum, or has no length that could be (libhdf5 goes round for ever in a heap of zeros).

    Parameters
    ----------
    path : str
    block : Superblock
    """

    def __init__(self, path: str, block: Superblock) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self._growing, self._begin, self._at = block.swmr, block.at, 0
        size = os.fstat(self._file.fileno()).st_size
        self._end = max(block.end, size) + _GROWTH if block.swmr else size
        self._block = superblock.closed(block, self._end if block.swmr else block.end)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        out = memoryview(buffer).cast("B")
        begin, size, file = self._at, len(out), self._file.fileno()
        raw = os.pread(file, size, begin)
        if self._growing and size <= _SMALL:
            for _ in range(_AGREE):
                before, raw = raw, os.pread(file, size, begin)
                if raw == before:
                    break
        out[: len(raw)] = raw
        if self._growing:
            out[len(raw) :] = b"\xff" * (size - len(raw))
        count = size if self._growing else len(raw)
        first, last = max(begin, self._begin), min(begin + count, self._begin + len(self._block))
        if first < last:
            out[first - begin : last - begin] = self._block[first - self._begin : last - self._begin]
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
