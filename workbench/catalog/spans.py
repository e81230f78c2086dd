"""Which file holds which times: asked once for each file, and again when it changed."""

from __future__ import annotations

import os
import struct
import sys
import threading
import time
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from workbench.catalog.tree import Tree
from workbench.core.errors import ReaderError
from workbench.core.window import ALWAYS, Window
from workbench.readers.reader import Reader

_NAT = np.iinfo(np.int64).min
#: Up to so many files are all looked at each time; of more, only the last ones in time ...
_FEW, _LAST = 512, 64
#: ... and all of them after so many seconds.
_DISTRUST = 30.0

_Marks = struct.Struct("=4q")  # size, mtime, first, last of a file, in a fourth of the memory of a tuple
_STAMP = 16  # bytes of size and mtime


class Spans:
    """First and last times of the files of a Source, in the order of time.

    Parameters
    ----------
    tree : Tree
    reader : Reader
    options : mapping, optional
        Of the reader; those that its `span` takes are given to it.
    """

    def __init__(self, tree: Tree, reader: Reader, options: Mapping[str, Any] | None = None) -> None:
        self._tree = tree
        self._reader = reader
        taken = signature(reader.span).parameters
        self._options = {name: value for name, value in (options or {}).items() if name in taken}
        self._known: dict[str, bytes] = {}
        self._folders: dict[str, tuple[int, list[str]]] = {}
        self._paths: list[str] = []
        self._first = self._last = np.empty(0, np.int64)
        self._at = -_DISTRUST
        self._lock = threading.Lock()

    def paths(self, window: Window = ALWAYS) -> list[Path]:
        """Files whose rows may lie in `window`; files without a time belong to the window of all time only."""
        with self._lock:
            self._look()
            if window == ALWAYS:
                return [Path(file) for file in self._paths]
            start, stop = (int(edge.astype(np.int64)) for edge in window)
            inside = (self._first != _NAT) & (self._last >= start) & (self._first < stop)
            return [Path(self._paths[i]) for i in np.flatnonzero(inside)]

    def whole(self) -> Window | None:
        """From the first time to just after the last; None when no file has one."""
        with self._lock:
            self._look()
            dated = self._first != _NAT
            if not dated.any():
                return None
            edges = int(self._first[dated].min()), int(self._last[dated].max()) + 1
            return Window(*(np.datetime64(edge, "ns") for edge in edges))

    def _look(self) -> None:
        """Bring paths and times up to date; what did not change is not gone through again."""
        folders = self._tree.look()
        changed = folders.keys() != self._folders.keys()
        for path, folder in folders.items():
            if path not in self._folders or self._folders[path][0] != folder.stamp:
                names = [os.path.join(path, name) for name in folder.names]
                self._folders[path] = folder.stamp, [sys.intern(os.fspath(file)) for file in self._reader.files(names)]
                changed = True
        for path in self._folders.keys() - folders.keys():
            del self._folders[path]
        if self._refresh(self._due(changed)) or changed:
            self._order()

    def _due(self, changed: bool) -> list[str]:
        """Files to be looked at now: new ones, the last ones, and now and then all."""
        now = time.monotonic()
        if len(self._paths) <= _FEW or now - self._at > _DISTRUST:
            self._at = now
            return [file for _, files in self._folders.values() for file in files]
        new = (
            [file for _, files in self._folders.values() for file in files if file not in self._known]
            if changed
            else []
        )
        return [*new, *self._paths[-_LAST:]]

    def _refresh(self, files: list[str]) -> bool:
        before = [self._known.get(file) for file in files]
        for file, old in zip(files, before, strict=True):
            try:
                stat = os.stat(file)
            except OSError:
                self._known.setdefault(file, _Marks.pack(0, 0, _NAT, _NAT))
                continue
            stamp = stat.st_size, stat.st_mtime_ns
            if old is None or old[:_STAMP] != _Marks.pack(*stamp, 0, 0)[:_STAMP]:
                span = self._span(file)
                self._known[file] = _Marks.pack(*stamp, *span) if span is not None else _asked_again(old)
        return before != [self._known.get(file) for file in files]

    def _order(self) -> None:
        """Sort by first time; files of one time, and those without any, keep the order of their folders and reader."""
        files = [file for path in sorted(self._folders) for file in self._folders[path][1]]
        table = np.frombuffer(b"".join(self._known[file] for file in files), dtype=np.int64).reshape(-1, 4)[:, 2:]
        order = np.argsort(table[:, 0], kind="stable")
        self._paths = [files[i] for i in order]
        self._first, self._last = table[order, 0], table[order, 1]
        if len(self._known) > len(files):  # some are gone
            self._known = {file: self._known[file] for file in files}

    def _span(self, path: str) -> tuple[int, int] | None:
        """First and last time of a file; None where a disk, a network or this process could not read it just now."""
        try:
            first, last = self._reader.span(path, **self._options)
        except (ReaderError, OSError) as error:
            below = error if isinstance(error, OSError) else error.__cause__
            return None if getattr(below, "errno", None) else (_NAT, _NAT)
        edges = np.array([first, last], dtype="datetime64[ns]").astype(np.int64)
        return int(edges[0]), int(edges[1])


def _asked_again(old: bytes | None) -> bytes:
    """What is known of a file until it can be read."""
    return _Marks.pack(0, 0, *(_Marks.unpack(old)[2:] if old is not None else (_NAT, _NAT)))
