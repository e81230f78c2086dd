"""What is known of each file: its layout, how many rows, when; kept in memory, and in an SQLite file where one is named.

A file is known as long as its size, time of change and inode are the same. What is kept can be made again at any time:
the index holds nothing of its own. Files that somebody is writing are looked at each time.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError
from workbench.readers import containers, hdf5_fingerprint, hdf5_twin, rows_layout
from workbench.readers.hdf5_file import again
from workbench.readers.hdf5_twin import Rows, Twin
from workbench.readers.moments import MOST_PACKED, Moments, pack, unpack
from workbench.readers.rows_index_file import IndexFile
from workbench.readers.rows_layout import Layout
from workbench.readers.stored import Container

#: Files kept in memory, unless more are looked at at once, and the longest times kept of one.
_MOST, _LONG = 50_000, MOST_PACKED
_NAT = np.iinfo(np.int64).min
_TEMPLATES = 4
#: Layouts kept at least that no known file has any more: of files that are being read, or written.
_SPARE = 256


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
        self._file = None if path is None else IndexFile(path)
        self._files: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._layouts: OrderedDict[str, Layout] = OrderedDict()
        self._room = _SPARE  # layouts, until those that no file has are looked for
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
            if self._file is not None:
                self._recall(self._file, full, asked.key)
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
                    if (key, asked.key) in self._files:
                        self._files.move_to_end((key, asked.key))
                    out.append(known)
                except ReaderError as error:
                    out.append(error)
            while len(self._files) > max(_MOST, len(full)):  # those of this look stay: the next one asks for them again
                self._files.popitem(last=False)
            if self._file is not None and new:
                layouts = {known.signature: self._layouts[known.signature].text() for known in new}
                self._file.remember(layouts, [(asked.key, *_cells(known)) for known in new])
            return out

    def _recall(self, file: IndexFile, paths: Sequence[str], asked: str) -> None:
        """Bring in what the file knows of these paths and memory does not."""
        wanted = [path for path in paths if (path, asked) not in self._files]
        layouts, rows = file.recall(wanted, asked)
        try:
            for name, text in layouts:
                if name not in self._layouts:
                    self._layouts[name] = Layout.parse(text)
            for path, size, mtime, inode, ctime, count, first, last, times, signature in rows:
                if signature in self._layouts:
                    stamp = (size, mtime, inode, ctime)
                    self._files[path, asked] = Known(path, stamp, count, first, last, times or b"", signature)
        except (ValueError, KeyError, TypeError) as error:
            raise file.unusable(error) from error

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
                same = hdf5_fingerprint.take(file, layout) == taken
                if same and rows_layout.in_its_unit(container, layout, asked.unit or None):
                    return signature, layout
        layout = rows_layout.describe(path, container, asked.group, asked.time or None, asked.unit or None)
        text = layout.text()
        signature = f"{zlib.crc32(text.encode()):08x}{len(text):x}{zlib.adler32(text.encode()):08x}"
        self._layouts[signature] = layout
        self._layouts.move_to_end(signature)  # it is there all the time: others ask for it, without the lock
        self._forget()
        if file is not None and layout.unit and (taken := hdf5_fingerprint.take(file, layout)) is not None:
            templates.insert(0, (signature, layout, taken))
            del templates[_TEMPLATES:]
        return signature, layout

    def _forget(self) -> None:
        """Let go of layouts that no known file has, but the newest: some files have another one whenever they are written."""
        if len(self._layouts) <= self._room:
            return
        # copies: others look at their files meanwhile, and may wait for this one with the lock held
        held = {known.signature for known in list(self._files.values())}
        held |= {twin.signature for twins in list(self._twins.values()) for twin in list(twins)}
        held |= {signature for each in list(self._prints.values()) for signature, _, _ in list(each)}
        for signature in [name for name in list(self._layouts) if name not in held][:-_SPARE]:
            self._layouts.pop(signature, None)
        self._room = len(self._layouts) + _SPARE


def _cells(known: Known) -> tuple[Any, ...]:
    """A file as `IndexFile` keeps it."""
    stamp = (*known.stamp, 0, 0, 0, 0)[:4]
    return (
        os.path.abspath(known.path), *stamp, known.rows, known.first, known.last, known.packed, known.signature,
    )  # fmt: skip


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
