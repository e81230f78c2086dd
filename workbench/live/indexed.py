"""Pictures of a particle feed out of its index on disk: exact, and hardly slower for a cruise than for an hour."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from workbench.core.viewport import Viewport
from workbench.live.labels import Labels
from workbench.live.numbered import Numbered
from workbench.raster.time_index import Contents, count_files, count_raw
from workbench.record.picture_index import IndexFolder, Opened

if TYPE_CHECKING:
    from workbench.live.file_table import FileTable

Counts = npt.NDArray[np.uint32]
Longs = npt.NDArray[np.int64]

#: Particles to be counted for which an index is asked, and particles that may have to be taken off again.
MANY, EXTRA = 1_000_000, 2_000_000
#: Where the indices of a cruise folder are.
PLACE = ("particles", "index")


class Marks:
    """What the files of a feed are known by in an index: name, particles, and the size and time of the file they are in.

    The same in every process; a file that was written anew has another one.
    """

    def __init__(self, look: Callable[[str], tuple[int, int]] | None = None) -> None:
        self._look = look or _look
        self._known = Numbered(1)
        self._lock = Lock()

    def of(self, table: FileTable) -> npt.NDArray[np.uint64]:
        """uint64 of each file of the table."""
        with self._lock:
            there, _ = self._known.find(table.serials)
            looked: dict[str, tuple[int, int]] = {}
            made: list[int] = []
            for i in np.flatnonzero(~there).tolist():
                path = table.paths[i]
                if path not in looked:
                    looked[path] = self._look(path)
                made.append(_mark(table.names[i], int(table.sizes[i]), *looked[path]))
            if made:
                self._known.add(table.serials[~there], np.array(made, np.uint64).view(np.int64))
            if len(self._known) > 2 * len(table) + 1000:
                self._known.forget_others(table.serials)
            marks = self._known.find(table.serials)[1][:, 0].view(np.uint64)
        return _distinct(marks)

    def still(self, table: FileTable, i: int) -> bool:
        """True when a file is as it was when its mark was made."""
        _, known = self._known.find(table.serials[i : i + 1])
        return len(known) > 0 and int(known.view(np.uint64)[0, 0]) == _mark(
            table.names[i], int(table.sizes[i]), *self._look(table.paths[i])
        )


def _look(path: str) -> tuple[int, int]:
    try:
        stat = os.stat(path)
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def _mark(name: str, rows: int, size: int, mtime: int) -> int:
    text = f"{name}\0{rows}\0{size}\0{mtime}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _distinct(marks: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The same, where files that look the same are told apart by their order."""
    found, first = np.unique(marks, return_index=True)
    if len(found) == len(marks):
        return marks
    again = np.setdiff1d(np.arange(len(marks)), first)
    seen: dict[int, int] = {}
    for i in again.tolist():
        mark = int(marks[i])
        seen[mark] = seen.get(mark, 0) + 1
        marks[i] = np.uint64((mark + seen[mark] * 0x9E3779B97F4A7C15) % 2**64)
    return marks


@dataclass(frozen=True, eq=False)
class _Matched:
    """Which files of a table an index holds, and where: -1 for those it does not."""

    table: FileTable
    opened: Opened
    rows: Longs


class Indexed:
    """The index of one particle feed.

    Parameters
    ----------
    folder : path-like
        Of the index; it need not exist.
    labels : Labels
        Of the feed.
    """

    def __init__(self, folder: str | os.PathLike[str], labels: Labels) -> None:
        self.folder, self.labels, self.marks = IndexFolder(folder), labels, Marks()
        self.answered = 0  #: how often it was of use
        self._matched: _Matched | None = None
        self._lock = Lock()

    def covered(self, table: FileTable) -> int:
        """Particles of the table that are indexed."""
        matched = self._match(table)
        return 0 if matched is None else int(table.sizes[matched.rows >= 0].sum())

    def lacking(self, table: FileTable) -> int:
        """Files of the table that are not indexed."""
        matched = self._match(table)
        return len(table) if matched is None else int((matched.rows < 0).sum())

    def count(
        self, x: str, y: str, by: str, viewport: Viewport, table: FileTable, part: slice
    ) -> tuple[Counts, Longs] | None:
        """Count as many of these files as possible.

        Parameters
        ----------
        x, y, by : str
            Channels, column of populations or empty.
        viewport : Viewport
        table, part
            The files.

        Returns
        -------
        counts : numpy.ndarray of uint32, shape (height, width) or (populations, height, width)
            As `workbench.live.tally.Tally` counts them.
        serials : numpy.ndarray of int64
            Of the files that are counted.
        None
            When it is of no use here.
        """
        matched = self._match(table)
        if matched is None or not {x, y, *([by] if by else [])} <= matched.opened.store.columns:
            return None
        rows = matched.rows[part]
        held = rows >= 0
        if not held.any():
            return None
        contents = matched.opened.contents
        inside = rows[held]
        first, last = int(inside.min()), int(inside.max()) + 1
        extra = np.setdiff1d(np.arange(first, last), inside) if last - first > len(inside) else inside[:0]
        if contents.sizes[extra].sum() > EXTRA:
            return None
        counts = _counted(matched.opened, x, y, by, viewport, first, last, extra)
        self.answered += 1
        return (self._numbered(counts, contents.names) if by else counts), table.serials[part][held]

    def _match(self, table: FileTable) -> _Matched | None:
        with self._lock:
            opened = self.folder.read()
            if opened is None:
                return None
            last = self._matched
            if last is None or last.table is not table or last.opened is not opened:
                rows = _rows(opened.contents, self.marks.of(table))
                last = self._matched = _Matched(table, opened, rows)
            return last

    def _numbered(self, counts: Counts, names: tuple[str, ...]) -> Counts:
        """Planes by the feed's numbers of the populations."""
        numbers = self.labels.codes(np.array(names, dtype=object)) if names else np.empty(0, np.uint8)
        if numbers.tolist() == list(range(len(numbers))):
            return counts
        out = np.zeros((int(numbers.max()) + 1, *counts.shape[1:]), np.uint32)
        out[numbers] = counts
        return out


def _rows(contents: Contents, marks: npt.NDArray[np.uint64]) -> Longs:
    if not len(contents):
        return np.full(len(marks), -1, np.int64)
    order = np.argsort(contents.ids)
    at = np.minimum(np.searchsorted(contents.ids[order], marks), len(order) - 1)
    return np.where(contents.ids[order[at]] == marks, order[at], -1)


def _counted(
    opened: Opened, x: str, y: str, by: str, viewport: Viewport, first: int, last: int, extra: Longs
) -> Counts:
    """The files `first` to `last` of the index, without the `extra` ones."""
    contents, store, v = opened.contents, opened.store, viewport
    turned = Viewport(v.y0, v.y1, v.x0, v.x1, v.height, v.width)
    if contents.layer_for(x, y, by, v) is None and contents.layer_for(y, x, by, turned) is not None:
        return np.ascontiguousarray(np.swapaxes(_counted(opened, y, x, by, turned, first, last, extra), -1, -2))
    counts = count_files(contents, store, x, y, by, v, first, last)
    if len(extra):
        less = np.zeros_like(counts)
        for row in extra.tolist():
            count_raw(contents, store, x, y, by, v, row, row + 1, less)
        counts -= less
    return counts
