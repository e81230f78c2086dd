"""Which file holds which times: asked once for each file, and again when it changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.catalog.tree import Tree
from workbench.core.errors import ReaderError
from workbench.core.window import ALWAYS, Window
from workbench.readers.reader import Reader

_NAT = np.iinfo(np.int64).min
#: Up to so many files are all looked at each time; of more, only the last ones in time ...
_FEW, _LAST = 512, 64
#: ... and all of them after so many seconds.
_DISTRUST = 30.0

Marks = tuple[int, int, int, int]  # size, mtime, first, last


class Spans:
    """First and last times of the files of a Source, in the order of time.

    Parameters
    ----------
    tree : Tree
    reader : Reader
    """

    def __init__(self, tree: Tree, reader: Reader) -> None:
        self._tree = tree
        self._reader = reader
        self._known: dict[str, Marks] = {}
        self._stamps: dict[str, int] = {}
        self._ordered: list[str] = []
        self._at = -_DISTRUST
        self._lock = threading.Lock()

    def paths(self, window: Window = ALWAYS) -> list[Path]:
        """Files whose rows may lie in `window`; files without a time belong to the window of all time only."""
        with self._lock:
            ordered, first, last = self._look()
            if window == ALWAYS:
                return [Path(path) for path in ordered]
            start, stop = (int(edge.astype(np.int64)) for edge in window)
            inside = (first != _NAT) & (last >= start) & (first < stop)
            return [Path(ordered[i]) for i in np.flatnonzero(inside)]

    def whole(self) -> Window | None:
        """From the first time to just after the last; None when no file has one."""
        with self._lock:
            _, first, last = self._look()
            dated = first != _NAT
            if not dated.any():
                return None
            edges = int(first[dated].min()), int(last[dated].max()) + 1
            return Window(*(np.datetime64(edge, "ns") for edge in edges))

    def _look(self) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        folders = self._tree.look()
        stamps = {path: folder.stamp for path, folder in folders.items()}
        fresh = stamps != self._stamps
        if fresh:
            paths = [os.path.join(path, name) for path, folder in folders.items() for name in folder.names]
            self._ordered = [os.fspath(path) for path in self._reader.files(paths)] if paths else []
            self._stamps = stamps
        self._refresh(self._due(fresh))
        marks = [self._known[path] for path in self._ordered]
        table = np.array(marks, dtype=np.int64).reshape(-1, 4)
        if self._reader.appends:  # an older file may have grown past a younger one's beginning
            order = np.lexsort((np.arange(len(table)), table[:, 2]))
            return [self._ordered[i] for i in order], table[order, 2], table[order, 3]
        return self._ordered, table[:, 2], table[:, 3]

    def _due(self, fresh: bool) -> Iterable[str]:
        now = time.monotonic()
        if len(self._ordered) <= _FEW or now - self._at > _DISTRUST:
            self._at = now
            return self._ordered
        new = [path for path in self._ordered if path not in self._known] if fresh else []
        return [*new, *self._ordered[-_LAST:]]

    def _refresh(self, paths: Iterable[str]) -> None:
        for path in paths:
            try:
                stat = os.stat(path)
            except OSError:
                self._known.setdefault(path, (0, 0, _NAT, _NAT))
                continue
            old = self._known.get(path)
            if old is None or old[:2] != (stat.st_size, stat.st_mtime_ns):
                self._known[path] = (stat.st_size, stat.st_mtime_ns, *self._span(path))

    def _span(self, path: str) -> tuple[int, int]:
        try:
            first, last = self._reader.span(path)
        except (ReaderError, OSError):
            return _NAT, _NAT
        edges = np.array([first, last], dtype="datetime64[ns]").astype(np.int64)
        return int(edges[0]), int(edges[1])
