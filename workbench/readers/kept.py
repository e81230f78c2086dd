"""Parsed files kept in memory, so that a file of lines is read once and a longer one only where it grew."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from os import PathLike
from typing import Generic, Protocol, TypeVar

from workbench.core.errors import ReaderError

_MARK = 64
_ceiling = 1 << 62


def hold_at_most(limit: int) -> None:
    """Let no cache of this process keep more than `limit` bytes: for servers, which run for weeks."""
    global _ceiling
    _ceiling = limit


class Parsed(Protocol):
    """What a file came to."""

    @property
    def end(self) -> int:
        """Bytes of the file that it stands for."""

    @property
    def nbytes(self) -> int:
        """Memory it takes."""


T = TypeVar("T", bound=Parsed)


@dataclass
class _Entry(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    value: T | None = None
    stamp: tuple[int, ...] = ()
    mark: bytes = b""
    size: int = 0  # bytes of the value, as they were counted


class Kept(Generic[T]):
    """The most recently used parsed files of one process, up to `limit` bytes. Safe for threads.

    A file is the same while its device, inode, size and times of modification and change are (copies keep the former).
    One that only became longer (the first and the last bytes that were read still stand where they did) is read on from
    there; any other is read anew.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._held = 0  # bytes of all entries

    def get(self, path: str | PathLike[str], option: Hashable, read: Callable[[T | None], T]) -> T:
        """What `path` came to, parsed with `option`.

        Parameters
        ----------
        path : path-like
        option : hashable
            Tells apart different parses of one file.
        read : callable
            Called with what is known of the file's beginning, or None.

        Raises
        ------
        ReaderError
            When the file cannot be read.
        """
        key = (os.path.abspath(path), option)
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        try:
            with entry.lock:
                stat = os.stat(path)
                stamp = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
                if entry.value is None or entry.stamp != stamp:
                    entry.value = read(entry.value if _grew(path, entry, stamp) else None)
                    entry.stamp, entry.mark = stamp, _mark(path, entry.value.end)
                value = entry.value
        except OSError as error:
            self._forget(key, entry, gone=isinstance(error, FileNotFoundError))
            raise ReaderError.unreadable(path, error) from error
        except ReaderError:
            self._forget(key, entry)
            raise
        self._let_go(key, entry, value.nbytes)
        return value

    def _forget(self, key: Hashable, entry: _Entry[T], *, gone: bool = False) -> None:
        """Keep nothing of a file that nothing is known of, or that is gone."""
        with self._lock:
            if (gone or entry.value is None) and self._entries.get(key) is entry:
                del self._entries[key]
                self._held -= entry.size

    def _let_go(self, key: Hashable, entry: _Entry[T], size: int) -> None:
        with self._lock:
            if self._entries.get(key) is entry:
                self._held += size - entry.size
                entry.size = size
            while self._held > min(self.limit, _ceiling) and len(self._entries) > 1:
                _, gone = self._entries.popitem(last=False)
                self._held -= gone.size


def _grew(path: str | PathLike[str], entry: _Entry[T], stamp: tuple[int, ...]) -> bool:
    if entry.value is None or entry.stamp[:2] != stamp[:2] or stamp[2] < entry.value.end or stamp[2] <= entry.stamp[2]:
        return False
    return _mark(path, entry.value.end) == entry.mark


def _mark(path: str | PathLike[str], end: int) -> bytes:
    """The first bytes, and the last ones before `end`."""
    with open(path, "rb", buffering=0) as file:
        first = file.read(min(_MARK, end))
        file.seek(max(0, end - _MARK))
        return first + file.read(min(_MARK, end))
