"""An HDF5 file opened for reading, whoever else has it open, and never so that a writer is kept out.

* No lock is taken: a reader's lock would keep a logger from opening its own file.
* A file in SWMR mode (its writer at work, or killed) is opened in SWMR mode; datasets are refreshed, because libhdf5
  gives a second opening in one process what the first one saw.
* A file of the newest format whose writer did not say SWMR is refused by libhdf5 while it is open, and for ever when the
  writer was killed. It is read through a view in which its superblock says that it is closed.

What libhdf5 and h5py raise about bytes they do not like comes out as ReaderError.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from typing import Any

import h5py

from workbench.core.errors import ReaderError
from workbench.readers import hdf5_superblock as superblock
from workbench.readers.hdf5_superblock import Superblock

#: What h5py raises when bytes are not what they should be.
BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError, SystemError)
#: libhdf5 does one thing at a time; so do we, so that no two openings of one file disagree.
_ONE = threading.RLock()


@contextmanager
def opened(path: str | PathLike[str]) -> Iterator[h5py.File]:
    """Open `path` for as long as the block lasts.

    Raises
    ------
    ReaderError
        When it is no whole HDF5 file, or what the block reads of it is broken.
    """
    with _ONE:
        block = superblock.checked(path)
        view: io.RawIOBase | None = None
        try:
            if block.writing and not block.swmr:
                view = ClosedView(fspath(path), block)
            file = _open(fspath(path), view, block.swmr)
            try:
                yield file
            finally:
                file.close()
        except ReaderError:
            raise
        except BROKEN as error:
            raise broken(path, error) from error
        finally:
            if view is not None:
                view.close()


def _open(path: str, view: io.RawIOBase | None, swmr: bool) -> h5py.File:
    if view is not None:
        return h5py.File(view, "r")
    try:
        return h5py.File(path, "r", locking=False, swmr=swmr)
    except OSError as error:
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r", swmr=swmr)  # this process has it open already, with a lock


def broken(path: str | PathLike[str], error: Exception) -> ReaderError:
    """What h5py said, as a ReaderError."""
    if isinstance(error, FileNotFoundError):
        return ReaderError(path, "no such file or folder")
    said = " ".join(str(error).split()) or type(error).__name__
    return ReaderError(path, f"broken HDF5 ({said[:200]})")


def refresh(dataset: h5py.Dataset) -> h5py.Dataset:
    """The same dataset, as long as it is now."""
    if dataset.file.swmr_mode:
        dataset.id.refresh()
    return dataset


class ClosedView(io.RawIOBase):
    """A file as it would be had its writer closed it: read only, with another superblock.

    Parameters
    ----------
    path : str
    block : Superblock
    """

    def __init__(self, path: str, block: Superblock) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self._block = superblock.closed(block)
        self._at = block.at

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        begin = self._file.tell()
        count = self._file.readinto(buffer) or 0
        first, last = max(begin, self._at), min(begin + count, self._at + len(self._block))
        if first < last:
            memoryview(buffer).cast("B")[first - begin : last - begin] = self._block[first - self._at : last - self._at]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
