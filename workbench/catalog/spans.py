"""Which file holds which times: asked once for each file, and again when it changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.catalog.marks import in_64_bits
from workbench.catalog.tree import Folder, Tree
from workbench.core.errors import ReaderError
from workbench.core.texts import Texts
from workbench.core.window import ALWAYS, Window
from workbench.readers.reader import Reader

_NAT = np.iinfo(np.int64).min
#: Up to so many files are all looked at each time; of more, only the last ones in time ...
_FEW, _LAST = 512, 64
#: ... and all of them after so many seconds.
_DISTRUST = 30.0
#: What is known of a file that nobody looked at, and of one that was gone when somebody did.
_NEW, _GONE = (-1, -1, _NAT, _NAT), (0, 0, _NAT, _NAT)


@dataclass(slots=True)
class _Dated:
    """The files of one folder, and size, mtime, first and last time of each."""

    stamp: int
    names: Texts
    marks: npt.NDArray[np.int64]  # (n, 4)


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
        self._folders: dict[str, _Dated] = {}
        self._paths: list[str] = []  # of the folders, in order
        self._places = np.empty((0, 2), np.int32)  # of the files in the order of time: folder, place in it
        self._first = self._last = np.empty(0, np.int64)
        self._at = -_DISTRUST
        self._lock = threading.Lock()

    def paths(self, window: Window = ALWAYS) -> list[Path]:
        """Files whose rows may lie in `window`; files without a time belong to the window of all time only."""
        with self._lock:
            self._look()
            inside = np.ones(len(self._first), np.bool_)
            if window != ALWAYS:
                start, stop = (int(edge.astype(np.int64)) for edge in window)
                inside = (self._first != _NAT) & (self._last >= start) & (self._first < stop)
            return [
                Path(self._paths[folder], self._folders[self._paths[folder]].names[place])
                for folder, place in self._places[inside].tolist()
            ]

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
        """Bring files and times up to date; what did not change is not gone through again."""
        folders = self._tree.look()
        changed = folders.keys() != self._folders.keys()
        for path, folder in folders.items():
            old = self._folders.get(path)
            if old is None or old.stamp != folder.stamp:
                self._folders[path] = self._listed(path, folder, old)
                changed = True
        for path in self._folders.keys() - folders.keys():
            del self._folders[path]
        if changed:
            self._order()
        if self._refresh(self._due(changed)):
            self._order()

    def _listed(self, path: str, folder: Folder, old: _Dated | None) -> _Dated:
        """The files of a folder that is new or has changed; what was known of them stays."""
        files = self._reader.files([os.path.join(path, name) for name in folder.names])
        names = Texts(file.name for file in files)
        marks = np.full((len(names), 4), _NEW, np.int64)
        if old is not None:
            before = {name: place for place, name in enumerate(old.names)}
            places = np.array([before.get(name, -1) for name in names], np.int64)
            marks[places >= 0] = old.marks[places[places >= 0]]
        return _Dated(folder.stamp, names, marks)

    def _due(self, changed: bool) -> list[tuple[str, Iterable[int]]]:
        """Folders, and places of files in them that are looked at now: new ones, the last ones, and now and then all."""
        now = time.monotonic()
        if len(self._places) <= _FEW or now - self._at > _DISTRUST:
            self._at = now
            return [(path, range(len(dated.names))) for path, dated in self._folders.items()]
        last = [(self._paths[folder], (place,)) for folder, place in self._places[-_LAST:].tolist()]
        new = self._folders.items() if changed else ()
        return [*((path, np.flatnonzero(dated.marks[:, 0] == _NEW[0]).tolist()) for path, dated in new), *last]

    def _refresh(self, due: Iterable[tuple[str, Iterable[int]]]) -> bool:
        """Ask the files for their times; True when any has other ones than before."""
        changed = False
        for path, places in due:
            dated = self._folders[path]
            for place in places:
                old = tuple(dated.marks[place].tolist())
                new = self._marked(os.path.join(path, dated.names[place]), old)
                if new != old:
                    dated.marks[place] = new
                    changed = True
        return changed

    def _marked(self, file: str, old: tuple[int, ...]) -> tuple[int, ...]:
        """What is known of a file now."""
        try:
            stat = os.stat(file)
        except OSError:
            return _GONE if old == _NEW else old
        stamp = stat.st_size, in_64_bits(stat.st_mtime_ns)
        if old[:2] == stamp:
            return old
        span = self._span(file)
        return (*stamp, *span) if span is not None else (*_GONE[:2], *old[2:])  # to be asked again

    def _order(self) -> None:
        """Sort by first time; files of one time, and those without any, keep the order of their folders and reader."""
        self._paths = sorted(self._folders)
        each = [self._folders[path] for path in self._paths]
        table = np.concatenate([np.empty((0, 2), np.int64), *(dated.marks[:, 2:] for dated in each)])
        order = np.argsort(table[:, 0], kind="stable")
        folder = np.repeat(np.arange(len(each)), [len(dated.names) for dated in each])
        place = np.concatenate([np.arange(0), *(np.arange(len(dated.names)) for dated in each)])
        self._places = np.column_stack([folder, place]).astype(np.int32)[order]
        self._first, self._last = table[order, 0], table[order, 1]

    def _span(self, path: str) -> tuple[int, int] | None:
        """First and last time of a file; None where a disk, a network or this process could not read it just now."""
        try:
            first, last = self._reader.span(path, **self._options)
        except (ReaderError, OSError) as error:
            below = error if isinstance(error, OSError) else error.__cause__
            return None if getattr(below, "errno", None) else (_NAT, _NAT)
        edges = np.array([first, last], dtype="datetime64[ns]").astype(np.int64)
        return int(edges[0]), int(edges[1])
