"""Bringing a picture index up to date with the files there are now.

New files at the end are appended. Where a file in the midst is new, gone or rewritten, the index is taken back to it
and goes on from there (the particles of the others are not read again), if that is little work; else that one file
stays out, and who asks counts it one by one, until enough of them have come together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.raster.tiles import Layer
from workbench.raster.time_index import Contents
from workbench.raster.time_index_build import NewFile, append, extended
from workbench.record.picture_index import Extent, FolderStore, IndexFolder
from workbench.record.picture_index_writer import FolderWriter

#: Particles read at a time, and after how many the work so far counts.
BATCH, COMMIT = 1 << 21, 1 << 24
#: Particles that are indexed again at once for a file in the midst; particles outside the index that make it worth more.
REDO, LOOSE = 1 << 23, 1 << 21
#: Late files that are tried before the index is taken back for them: one that cannot be read changes nothing.
TRIED = 64
#: The label of a particle without a population.
NOBODY = 255

Columns = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Listing:
    """The files there are, in the order of time.

    Attributes
    ----------
    ids : numpy.ndarray of uint64, shape (files,)
        Another content, another id.
    times, sizes : numpy.ndarray of int64, shape (files,)
    read : callable
        Columns of the file at a place of the list (see `NewFile`); None when it cannot be read now.
    names : callable
        Populations by the numbers that `read` gives them; more may come with each file.
    """

    ids: npt.NDArray[np.uint64]
    times: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    read: Callable[[int], Columns | None]
    names: Callable[[], Sequence[str]] = tuple


def bring_up_to_date(
    index: IndexFolder, layers: Sequence[Layer], listing: Listing, *, again: bool = False,
    done: Callable[[int], object] = lambda files: None, stopped: Callable[[], bool] = lambda: False,
) -> int | None:  # fmt: skip
    """Index what is not indexed yet.

    Parameters
    ----------
    index : IndexFolder
    layers : sequence of Layer
    listing : Listing
    again : bool
        Begin anew.
    done : callable of int
        Told how many files have been indexed since.
    stopped : callable
        Asked now and then; True ends the work, and what is done counts.

    Returns
    -------
    int or None
        Files indexed now; None when another process is at it, or nothing can be written here.
    """
    with index.writing() as mine:
        if not mine:
            return None
        work = _Work(index, tuple(layers), listing, done, stopped)
        try:
            return work.run(again)
        finally:
            work.close()


class _Work:
    """One update."""

    def __init__(
        self, index: IndexFolder, layers: tuple[Layer, ...], listing: Listing, done: Callable[[int], object],
        stopped: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.index, self.layers, self.listing, self.done, self.stopped = index, layers, listing, done, stopped
        self.contents, self.old = Contents(layers), Contents(layers)
        self.writer = FolderWriter(index.folder, Extent())
        self.source: FolderStore | None = None  # a generation from which particles are copied
        self.tried: dict[int, Columns | None] = {}
        self.names: list[str] = []
        self.row: dict[int, int] = {}  # id -> place in the index as it was
        self.uncommitted = 0

    def close(self) -> None:
        self.writer.close()

    def run(self, again: bool) -> int:
        before = self._open(again)
        places = self._places()
        if not len(places) and not before:
            return 0
        count = 0
        for group in self._groups(places):
            if self.stopped():
                break
            count += self._add(group)
        self.writer.commit(self.contents)
        return count

    def _open(self, again: bool) -> bool:
        """Take up what there is; True when it must be written anew even without new files."""
        opened = self.index.read()
        if opened is None:
            return False
        self.old = replace(opened.contents, layers=self.layers)
        self.names = list(self.old.names)
        self.row = {each: i for i, each in enumerate(self.old.ids.tolist())}
        extent, wanted = opened.store.extent, set(_columns(self.layers))
        fresh = again or not wanted <= opened.store.columns
        wasted = extent.particles - self.old.particles
        if fresh or wanted != opened.store.columns or wasted > self.old.particles + REDO:
            self.writer = FolderWriter(self.index.folder, Extent(extent.generation + 1))
            if fresh:
                self.old, self.names, self.row = Contents(self.layers), [], {}
            else:
                self.source = opened.store
            return True
        self.writer = FolderWriter(self.index.folder, extent)
        first = self._first_change()
        self.contents = self.old.cut(first)
        kept = {layer: self.contents.checkpoints.get(layer, ()) for layer in self.layers}
        nothing = self.contents.ids[:0], self.contents.times[:0], self.contents.times[:0], self.contents.times[:0]
        self.contents = extended(replace(self.contents, checkpoints=kept), self.writer, *nothing)
        return first < len(self.old) or self.old.checkpoints.keys() != kept.keys()

    def _first_change(self) -> int:
        """The first file of the index that is to be indexed again; all of them when nothing is."""
        here, there = self.listing.ids, self.old.ids
        first_stale = int(np.argmin(np.append(np.isin(there, here), False)))
        rows = np.array([self.row.get(each, -1) for each in here.tolist()], np.int64)
        late = [i for i in np.flatnonzero((rows < 0) & ~self._after(self.old)).tolist() if self._readable(i)]
        first_late = int((rows[: late[0]] >= 0).sum()) if late else len(there)
        first = min(first_stale, first_late)
        loose = int(self.listing.sizes[late].sum() + self.old.sizes[~np.isin(there, here)].sum())
        again = int(self.old.before[-1] - self.old.before[first])
        return first if again <= REDO or loose >= LOOSE else len(there)

    def _readable(self, i: int) -> bool:
        if len(self.tried) < TRIED and self.listing.sizes[[*self.tried, i]].sum() < REDO:
            self.tried[i] = self._read(i)
            return self.tried[i] is not None
        return True

    def _places(self) -> npt.NDArray[np.int64]:
        """Files of the list to be added now, in order: those after the last one that the index holds."""
        return np.flatnonzero(self._after(self.contents))

    def _after(self, contents: Contents) -> npt.NDArray[np.bool_]:
        """Which files of the list come after all that are indexed."""
        after = np.ones(len(self.listing.ids), np.bool_)
        if len(contents):
            held = np.flatnonzero(np.isin(self.listing.ids, contents.ids))
            after[: held[-1] + 1 if len(held) else 0] = False
            after &= self.listing.times >= contents.times[-1]
        return after

    def _groups(self, places: npt.NDArray[np.int64]) -> Iterator[list[int]]:
        """Files that are added together."""
        group: list[int] = []
        size = 0
        for i in places.tolist():
            group.append(i)
            size += int(self.listing.sizes[i])
            if size >= BATCH:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _add(self, group: list[int]) -> int:
        new: list[NewFile] = []
        count = 0

        def flush() -> None:
            self.contents = append(self.contents, self.writer, new, self.names)
            new.clear()

        for i in group:
            id, time = int(self.listing.ids[i]), int(self.listing.times[i])
            at = self.row.get(id)
            if at is not None and self.source is None:
                flush()
                some = slice(at, at + 1)
                self.contents = extended(
                    self.contents, self.writer, self.old.ids[some], self.old.times[some], self.old.starts[some],
                    self.old.sizes[some],
                )  # fmt: skip
            else:
                columns = self._copied(at) if at is not None else self._read(i)
                if columns is None:
                    self.done(1)
                    continue
                new.append(NewFile(id, time, columns))
            count += 1
            self.done(1)
        flush()
        self.uncommitted += int(self.listing.sizes[group].sum())
        if self.uncommitted >= COMMIT:
            self.writer.commit(self.contents)
            self.uncommitted = 0
        return count

    def _read(self, i: int) -> Columns | None:
        if i in self.tried:
            return self.tried[i]
        columns = self.listing.read(i)
        if columns is None or any(len(values) != self.listing.sizes[i] for values in columns.values()):
            return None
        wanted = {name: columns[name] for name in _columns(self.layers)}
        return {name: self._renamed(values) if values.dtype == np.uint8 else values for name, values in wanted.items()}

    def _renamed(self, labels: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
        """Populations by the numbers they have in this index."""
        table = np.full(256, NOBODY, np.uint8)
        given = self.listing.names()
        for number in np.unique(labels).tolist():
            if number < len(given):
                if given[number] not in self.names:
                    self.names.append(given[number])
                table[number] = self.names.index(given[number])
        return table[labels.astype(np.uint8)]

    def _copied(self, at: int) -> Columns:
        """The particles of a file, out of the generation before."""
        assert self.source is not None
        start, stop = int(self.old.starts[at]), int(self.old.starts[at] + self.old.sizes[at])
        out: dict[str, npt.NDArray[np.generic]] = {}
        for name in _columns(self.layers):
            values = np.asarray(self.source.column(name, start, stop))
            gone = self.source.missing(name, start, stop) - start
            if gone.size:
                values = values.astype(np.float32)
                values[gone] = np.nan
            out[name] = values
        return out


def _columns(layers: Sequence[Layer]) -> list[str]:
    """Columns that the layers are made of."""
    names = sorted({name for layer in layers for name in (layer.x, layer.y, layer.by) if name})
    if not names:
        raise WorkbenchError("an index needs at least one plane")
    return names
