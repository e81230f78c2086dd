"""What is known of each file: its layout, how many rows, when; kept in memory, and in an SQLite file where one is named.

A file is known as long as its size, time of change and inode are the same. What is kept can be made again at any time:
the index holds nothing of its own. Files that somebody is writing are looked at each time.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError
from workbench.readers import containers, hdf5_fingerprint, hdf5_twin, rows_layout
from workbench.readers.hdf5_file import again
from workbench.readers.hdf5_twin import Rows, Twin
from workbench.readers.moments import Moments
from workbench.readers.rows_layout import Layout
from workbench.readers.stored import Container

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS layouts (signature TEXT PRIMARY KEY, layout TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
  path TEXT, asked TEXT, size INTEGER, mtime INTEGER, inode INTEGER, ctime INTEGER, rows INTEGER, first INTEGER,
  last INTEGER, times BLOB, signature TEXT, PRIMARY KEY (path, asked)) WITHOUT ROWID;
"""
#: Files kept in memory, and the longest times kept of one.
_MOST, _LONG = 50_000, 1 << 20
_NAT = np.iinfo(np.int64).min
_TEMPLATES = 4


@dataclass(frozen=True)
class Asked:
    """What a file was looked at for; each has entries of its own.

    Attributes
    ----------
    group, time, unit : str
        Empty where not given.
    """

    group: str = ""
    time: str = ""
    unit: str = ""

    @property
    def key(self) -> str:
        return "\n".join((self.group, self.time, self.unit))


@dataclass(frozen=True)
class Known:
    """One file.

    Attributes
    ----------
    path : str
    stamp : tuple of int
    rows : int
    first, last : int
        Least and greatest time, ns; the least int64 where there is none.
    packed : bytes
        The times (see `pack`); empty where they are read from the file when they are needed.
    signature : str
    """

    path: str
    stamp: tuple[int, ...]
    rows: int
    first: int
    last: int
    packed: bytes
    signature: str

    @again
    def times(self, index: Index, begin: int = 0, stop: int | None = None) -> Moments:
        """Times of its rows, or of those from `begin` to `stop`."""
        stop = self.rows if stop is None else min(stop, self.rows)
        if self.packed or not self.rows:
            return unpack(self.packed)[begin:stop]
        with containers.opened(self.path) as container:
            return rows_layout.times(container, index.layout(self.signature), begin, stop)


class Index:
    """Files known to this process, and to a file of SQLite.

    Parameters
    ----------
    path : str, optional
        Where it is kept; in memory only when not given.
    """

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self._files: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._layouts: dict[str, Layout] = {}
        self._prints: dict[str, list[tuple[str, Layout, Any]]] = {}
        self._twins: dict[str, list[Twin]] = {}
        self._size = -1  # of the file looked through last
        self._lock = threading.RLock()

    def layout(self, signature: str) -> Layout:
        """The layout of that signature."""
        return self._layouts[signature]

    def look(self, paths: Sequence[str], asked: Asked) -> list[Known | ReaderError]:
        """What is known of each path now; the error where it is broken."""
        with self._lock:
            full = [os.path.abspath(path) for path in paths]
            self._recall(full, asked.key)
            out: list[Known | ReaderError] = []
            new: list[Known] = []
            for path, key in zip(paths, full, strict=True):
                try:
                    stamp = containers.stamp(path)
                    known = self._files.get((key, asked.key))
                    if known is None or known.stamp != stamp:
                        known, keep = self._scan(path, key, stamp, asked)
                        if keep:
                            new.append(known)
                    out.append(known)
                except ReaderError as error:
                    out.append(error)
            self._remember(new, asked.key)
            return out

    @again
    def _scan(self, path: str, key: str, stamp: tuple[int, ...], asked: Asked) -> tuple[Known, bool]:
        """Look into a file."""
        live, like = False, self._like(path, stamp[0], asked)
        if like is not None:
            signature, (rows, times) = like[0].signature, rows_of(like[1], like[0].layout)
        else:
            with containers.opened(path) as container:
                signature, layout = self.recognise(path, container, asked)
                live = getattr(container, "growing", False)
                if not live and layout.time is not None and container.length(layout.time) > _LONG:
                    known = self._scan_long(path, stamp, container, signature)
                    self._files[key, asked.key] = known
                    return known, True
                rows, times = rows_of(container, layout)
                if not live:
                    self._learn(path, stamp[0], container, signature, asked)
        dated = times[~np.isnat(times)].astype(np.int64)
        first, last = (int(dated.min()), int(dated.max())) if len(dated) else (_NAT, _NAT)
        known = Known(path, stamp, rows, first, last, pack(times), signature)
        if not live:
            self._files[key, asked.key] = known
            while len(self._files) > _MOST:
                self._files.popitem(last=False)
        return known, not live

    def _scan_long(self, path: str, stamp: tuple[int, ...], container: Container, signature: str) -> Known:
        """Look into a file whose times are too many to keep: they are gone through some at a time."""
        layout, edges = self._layouts[signature], []
        rows = whole_rows(container, layout)
        for begin in range(0, rows, _LONG):
            times = rows_layout.times(container, layout, begin, min(begin + _LONG, rows))
            dated = times[~np.isnat(times)].astype(np.int64)
            edges += [int(dated.min()), int(dated.max())] if len(dated) else []
        return Known(path, stamp, rows, min(edges, default=_NAT), max(edges, default=_NAT), b"", signature)

    def _like(self, path: str, size: int, asked: Asked) -> tuple[Twin, Rows] | None:
        """A known file that this one is like but for the values of its rows, and those."""
        twins = [twin for twin in self._twins.get(asked.key, ()) if twin.size == size]
        raw = hdf5_twin.bytes_of(path, size) if twins else None
        for twin in twins:
            if raw is not None and (rows := twin.opened(raw)) is not None:
                return twin, rows
        return None

    def _learn(self, path: str, size: int, container: Container, signature: str, asked: Asked) -> None:
        """Two files of one size, one after the other: more may be like them."""
        file, (before, self._size) = getattr(container, "file", None), (self._size, size)
        if file is None or before != size:
            return
        twin = hdf5_twin.take(path, file, signature, self._layouts[signature])
        if twin is not None:
            twins = self._twins.setdefault(asked.key, [])
            twins.insert(0, twin)
            del twins[_TEMPLATES:]

    def recognise(self, path: str, container: Container, asked: Asked) -> tuple[str, Layout]:
        """The layout of an opened file: one that is known, or a new one."""
        file = getattr(container, "file", None)
        templates = self._prints.setdefault(asked.key, [])
        if file is not None:
            for signature, layout, taken in templates:
                if hdf5_fingerprint.take(file, layout) == taken:
                    return signature, layout
        layout = rows_layout.describe(path, container, asked.group, asked.time or None, asked.unit or None)
        text = layout.text()
        signature = f"{zlib.crc32(text.encode()):08x}{len(text):x}{zlib.adler32(text.encode()):08x}"
        self._layouts[signature] = layout
        if file is not None and layout.unit and (taken := hdf5_fingerprint.take(file, layout)) is not None:
            templates.insert(0, (signature, layout, taken))
            del templates[_TEMPLATES:]
        return signature, layout

    # the file

    def _recall(self, paths: Sequence[str], asked: str) -> None:
        """Bring in what the file knows of these paths and memory does not."""
        if self.path is None or not os.path.exists(self.path):
            return
        wanted = [path for path in paths if (path, asked) not in self._files]
        if not wanted:
            return
        try:
            with closing(self._open()) as db:
                for name, text in db.execute("SELECT signature, layout FROM layouts"):
                    if name not in self._layouts:
                        self._layouts[name] = Layout.parse(text)
                for row in _rows(db, wanted, asked):
                    path, *stamp = row[:5]
                    rows, first, last, times, signature = row[5:]
                    known = Known(path, tuple(stamp), rows, first, last, times or b"", signature)
                    if known.signature in self._layouts:
                        self._files[path, asked] = known
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise self._unusable(error) from error

    def _remember(self, new: Sequence[Known], asked: str) -> None:
        rows = [
            (os.path.abspath(k.path), asked, *_four(k.stamp), k.rows, k.first, k.last, k.packed, k.signature)
            for k in new
        ]
        if self.path is None or not rows:
            return
        used = {known.signature for known in new}
        try:
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
            with closing(self._open()) as db, db:
                db.executemany("INSERT OR REPLACE INTO layouts VALUES (?, ?)",
                               [(name, self._layouts[name].text()) for name in sorted(used)])  # fmt: skip
                db.executemany(f"INSERT OR REPLACE INTO files VALUES ({', '.join('?' * 11)})", rows)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path or ":memory:", timeout=20)
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                db.executescript("DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS layouts;")
            if version != VERSION:
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_SCHEMA)
                db.execute(f"PRAGMA user_version = {VERSION}")
                db.commit()
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _unusable(self, error: Exception) -> ReaderError:
        return ReaderError(
            str(self.path), f"the index cannot be used ({error})", hint="It can be deleted: it is made again"
        )


def _four(stamp: tuple[int, ...]) -> tuple[int, ...]:
    return (*stamp, 0, 0, 0, 0)[:4]


def _rows(db: sqlite3.Connection, wanted: list[str], asked: str) -> Iterable[Any]:
    columns = "path, size, mtime, inode, ctime, rows, first, last, times, signature"
    for i in range(0, len(wanted), 500):
        some = wanted[i : i + 500]
        marks = ", ".join("?" * len(some))
        yield from db.execute(f"SELECT {columns} FROM files WHERE asked = ? AND path IN ({marks})", (asked, *some))


def whole_rows(container: Container, layout: Layout) -> int:
    """Rows in an opened file that all its arrays have."""
    assert layout.time is not None
    container.sound(layout.time)
    rows = container.length(layout.time)
    if layout.loose:
        rows = min([rows, *(container.length(each) for each in layout.rows if each.dims[0] == "time")])
    return rows


def rows_of(container: Container, layout: Layout) -> tuple[int, Moments]:
    """Whole rows in an opened file, and their times: what its writer has not got to yet is not there."""
    if layout.time is None:
        return 0, np.empty(0, "datetime64[ns]")
    rows = whole_rows(container, layout)
    if getattr(container, "growing", False):
        live: Any = container
        rows = live.written(layout.time, rows, moment=True)
        rows = min([rows, *(live.written(each, rows) for each in layout.rows if each.dims[0] == "time")])
    return rows, rows_layout.times(container, layout, 0, rows)


def pack(times: Moments) -> bytes:
    """Times as bytes: a beginning and a step where they have one, else compressed differences; nothing when too many."""
    numbers = times.astype(np.int64)
    if len(numbers) == 0 or len(numbers) > _LONG:
        return b""
    steps = np.diff(numbers)
    if len(steps) == 0 or (steps == steps[0]).all():
        return b"R" + np.array([len(numbers), numbers[0], steps[0] if len(steps) else 0], "<i8").tobytes()
    return b"D" + zlib.compress(np.concatenate([numbers[:1], steps]).astype("<i8").tobytes(), 1)


def unpack(packed: bytes) -> Moments:
    """What `pack` made."""
    if not packed:
        return np.empty(0, "datetime64[ns]")
    if packed[:1] == b"R":
        count, first, step = np.frombuffer(packed, "<i8", offset=1).tolist()
        times: Moments = (first + step * np.arange(count, dtype=np.int64)).astype("datetime64[ns]")
        return times
    numbers = np.cumsum(np.frombuffer(zlib.decompress(packed[1:]), "<i8"))
    out: Moments = numbers.astype("datetime64[ns]")
    return out
