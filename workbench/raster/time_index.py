"""Any range of time of a billion particles, counted exactly in about a millisecond.

Files follow each other in time. After every so many particles, at the end of a file, a checkpoint keeps the counts of
all files so far. The counts of any range of files are the difference of two checkpoints, and the particles between them
and the ends of the range are counted one by one, or taken off: what comes out is what counting everything gives.

    contents = Contents(layers("fsc_small", "pe"))
    contents = append(contents, store, files)        # a new value; the old one still answers
    counts = count_files(contents, store, "fsc_small", "pe", "", viewport, 17, 4711)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from workbench.core.viewport import Viewport
from workbench.raster.code_cells import Codes
from workbench.raster.count import add_by, count_by, count_codes, room_by
from workbench.raster.memory_store import Store
from workbench.raster.tiles import Counts, Layer, add_tile, unpack_tile

Longs = npt.NDArray[np.int64]
#: Particles that are counted in the time it takes to look up checkpoints, about.
FEW = 1 << 19


def _none() -> Longs:
    return np.empty(0, np.int64)


@dataclass(frozen=True, order=True)
class Checkpoint:
    """The counts of the first `files` files of a layer: where the table of its tiles is kept.

    The table is int64 (populations, tiles down, tiles across, 2): offset and length; length 0 for an empty tile.
    """

    files: int
    offset: int
    planes: int


@dataclass(frozen=True, eq=False)
class Contents:
    """What an index holds; never changes.

    Attributes
    ----------
    layers : tuple of Layer
    ids : numpy.ndarray of uint64, shape (files,)
        What a file is known by: another content, another id.
    times : numpy.ndarray of int64, shape (files,)
    starts, sizes : numpy.ndarray of int64, shape (files,)
        First particle of each file in the columns, and how many there are.
    names : tuple of str
        Populations by their number.
    checkpoints : dict of Layer to tuple of Checkpoint
    """

    layers: tuple[Layer, ...] = ()
    ids: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    times: Longs = field(default_factory=_none)
    starts: Longs = field(default_factory=_none)
    sizes: Longs = field(default_factory=_none)
    names: tuple[str, ...] = ()
    checkpoints: dict[Layer, tuple[Checkpoint, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def before(self) -> Longs:
        """Particles before each file, and after the last: int64 (files + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    @property
    def particles(self) -> int:
        return int(self.before[-1])

    @cached_property
    def _breaks(self) -> Longs:
        """Files whose particles do not follow those of the file before."""
        return np.flatnonzero(self.starts[1:] != (self.starts + self.sizes)[:-1]) + 1

    def runs(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The particles of the files `first` to `last`, as ranges of the columns; none where `last` comes first."""
        if first >= last:
            return
        low, high = np.searchsorted(self._breaks, [first + 1, last])
        edges = [first, *self._breaks[low:high].tolist(), last]
        for a, b in pairwise(edges):
            if b > a:
                yield int(self.starts[a]), int(self.starts[b - 1] + self.sizes[b - 1])

    def cut(self, files: int) -> Contents:
        """The first `files` files."""
        kept = {layer: tuple(c for c in points if c.files <= files) for layer, points in self.checkpoints.items()}
        return replace(
            self, ids=self.ids[:files], times=self.times[:files], starts=self.starts[:files],
            sizes=self.sizes[:files], checkpoints=kept,
        )  # fmt: skip

    def layer_for(self, x: str, y: str, by: str, viewport: Viewport) -> Layer | None:
        """The coarsest layer that can draw it."""
        fit = [each for each in self.layers if (each.x, each.y, each.by) == (x, y, by) and each.draws(viewport)]
        return min(fit, key=lambda each: each.level, default=None)

    def nearest(self, layer: Layer, file: int) -> Checkpoint:
        """The checkpoint from which the fewest particles lie between it and `file`."""
        points = self.checkpoints.get(layer, ())
        after = bisect_left(points, file, key=lambda point: point.files)
        near = [Checkpoint(0, 0, 0), *points[max(0, after - 1) : after + 1]]
        return min(near, key=lambda point: abs(int(self.before[point.files] - self.before[file])))

    def around(self, layer: Layer, first: int, last: int) -> tuple[Checkpoint, Checkpoint] | None:
        """The checkpoints nearest to both ends of a range; None where counting its particles takes less."""
        a, b = int(self.before[first]), int(self.before[last])
        if b - a <= FEW:
            return None
        start, stop = self.nearest(layer, first), self.nearest(layer, last)
        beside = abs(int(self.before[start.files]) - a) + abs(int(self.before[stop.files]) - b)
        return (start, stop) if start.files < stop.files and b - a > beside + FEW else None


def count_files(
    contents: Contents, store: Store, x: str, y: str, by: str, viewport: Viewport, first: int, last: int
) -> Counts:
    """Count the particles of the files `first` to `last` (which does not count).

    Parameters
    ----------
    contents, store
        The index.
    x, y, by : str
        Channels; column of populations, or empty.
    viewport : Viewport
        Whole edges, a pixel of 2**k codes.

    Returns
    -------
    numpy.ndarray of uint32, shape (height, width); by population (names, height, width)
        What counting the particles themselves gives.
    """
    c, v = contents, viewport
    layer = c.layer_for(x, y, by, v)
    points = c.around(layer, first, last) if layer else None
    if layer is None or points is None:
        out = _room(c, by, v)
        count_raw(c, store, x, y, by, v, first, last, out)
        return out
    start, stop = points
    whole = layer.across == 1 and v == layer.whole
    out = _room(c, by, v, np.empty if whole else np.zeros)
    if whole:
        _all_between(store, layer, start, stop, out)
    else:
        add_between(store, layer, start, stop, v, out)
    for files, sign in (
        ((first, start.files), 1), ((start.files, first), -1), ((stop.files, last), 1), ((last, stop.files), -1),
    ):  # fmt: skip
        for xs, ys, labels in particles(c, store, x, y, by, *files):
            if not by:
                count_codes(xs, ys, v, out, sign)
            elif len(out):
                add_by(xs, ys, labels, v, sign, out)
    return out


def _room(contents: Contents, by: str, viewport: Viewport, make: Callable[..., Counts] = np.zeros) -> Counts:
    v = viewport
    return room_by(len(contents.names), v, make) if by else make((v.height, v.width), np.uint32)


def count_raw(
    contents: Contents, store: Store, x: str, y: str, by: str, viewport: Viewport, first: int, last: int, out: Counts
) -> None:
    """Add the particles of some files to `out`, one by one."""
    for xs, ys, labels in particles(contents, store, x, y, by, first, last):
        if not by:
            count_codes(xs, ys, viewport, out)
        elif len(out):
            count_by(xs, ys, labels, viewport, len(out), out)


def particles(
    contents: Contents, store: Store, x: str, y: str, by: str, first: int, last: int
) -> Iterator[tuple[Codes, Codes, npt.NDArray[np.uint8]]]:
    """The particles of some files that have both codes, piece by piece: x, y, and labels (none, without `by`)."""
    for start, stop in contents.runs(first, last):
        xs, ys = store.column(x, start, stop), store.column(y, start, stop)
        labels = store.column(by, start, stop) if by else np.empty(0, np.uint8)
        gone = store.missing(x, start, stop), store.missing(y, start, stop)
        if any(places.size for places in gone):
            good = np.ones(stop - start, np.bool_)
            good[np.concatenate(gone) - start] = False
            xs, ys, labels = xs[good], ys[good], labels[good] if by else labels
        yield xs, ys, labels


def _all_between(store: Store, layer: Layer, start: Checkpoint, stop: Checkpoint, out: Counts) -> None:
    """What lies between two checkpoints whose tiles are whole pictures, into `out`, whatever it holds."""
    plus, minus = (tiles_of(store, layer, point)[:, 0, 0].tolist() for point in (stop, start))
    before = np.empty((layer.level, layer.level), np.uint32)
    pictures = out.reshape(-1, *before.shape)
    for plane, picture in enumerate(pictures):
        new, old = (tiles[plane] if plane < len(tiles) else [0, 0] for tiles in (plus, minus))
        if new == old:
            picture[:] = 0  # nobody came here in between
            continue
        unpack_tile(store.tile(*new), picture)
        if old[1]:
            unpack_tile(store.tile(*old), before)
            np.subtract(picture, before, out=picture)


def add_between(
    store: Store, layer: Layer, start: Checkpoint, stop: Checkpoint, viewport: Viewport, out: Counts
) -> None:
    """Add what lies between two checkpoints."""
    plus, minus = tiles_of(store, layer, stop), tiles_of(store, layer, start)
    planes = out.reshape(-1, viewport.height, viewport.width)
    cell, side, v = layer.cell, layer.tile, viewport
    shift_y, shift_x = (int(size / cell).bit_length() - 1 for size in (v.cell_y, v.cell_x))
    top, left = int(v.y0) // cell, int(v.x0) // cell
    rows = range(top // side, -(-int(v.y1) // cell // side))
    columns = range(left // side, -(-int(v.x1) // cell // side))
    tile, before = np.empty((2, side, side), np.uint32)
    for plane in range(len(plus)):
        for r in rows:
            for s in columns:
                new = plus[plane, r, s]
                old = minus[plane, r, s] if plane < len(minus) else (0, 0)
                if new[0] == old[0] and new[1] == old[1]:
                    continue  # nobody came here in between
                unpack_tile(store.tile(int(new[0]), int(new[1])), tile)
                if old[1]:
                    unpack_tile(store.tile(int(old[0]), int(old[1])), before)
                    np.subtract(tile, before, out=tile)
                add_tile(tile, r * side - top, s * side - left, 1, shift_y, shift_x, planes[plane])


def tiles_of(store: Store, layer: Layer, point: Checkpoint) -> Longs:
    """The table of tiles of a checkpoint: int64 (planes, down, across, 2)."""
    n = layer.across
    if not point.planes:
        return np.empty((0, n, n, 2), np.int64)
    data = store.tile(point.offset, point.planes * n * n * 16)
    return np.frombuffer(data, np.int64).reshape(point.planes, n, n, 2)
