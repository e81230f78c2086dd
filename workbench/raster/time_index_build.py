"""Building an index along time: files are appended, checkpoints made where they are due.

An append reads nothing but its own particles, until the next checkpoint is due; then the particles since the last one
are counted and added to its counts. Whatever splits the appends, the answers are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workbench.core.codes import SIZE
from workbench.raster.memory_store import Column, GrowingStore
from workbench.raster.tiles import Counts, Layer, pack_tile, unpack_tile
from workbench.raster.time_index import Checkpoint, Contents, count_raw, tiles_of

#: Cells of all populations together that are counted in one pass; finer levels go one by one.
TOGETHER = 1 << 23


@dataclass(frozen=True, eq=False)
class NewFile:
    """One file for an index.

    Attributes
    ----------
    id, time : int
    columns : dict of str to numpy.ndarray
        Codes as uint16, or log values as floats, of each channel; labels as uint8 (255: none) of each column of
        populations.
    """

    id: int
    time: int
    columns: Mapping[str, npt.NDArray[np.generic]]


def append(
    contents: Contents, store: GrowingStore, files: Sequence[NewFile], names: Sequence[str] | None = None
) -> Contents:
    """Add files at the end.

    Parameters
    ----------
    contents : Contents
    store : GrowingStore
    files : sequence of NewFile
        In the order of time, after those that are there.
    names : sequence of str, optional
        Populations by their number, when there are more than before.

    Returns
    -------
    Contents
        With these files; `contents` itself goes on to answer.
    """
    if not files:
        return contents
    coded = [_coded(file.columns) for file in files]
    sizes = np.array([len(next(iter(columns.values()))) for columns, _ in coded], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    joined = {name: _joined([columns[name] for columns, _ in coded]) for name in coded[0][0]}
    gaps = {
        name: np.concatenate([missing[name] + start for (_, missing), start in zip(coded, starts, strict=True)])
        for name in coded[0][1]
    }
    at = store.extend(joined, gaps)
    ids = np.array([file.id for file in files], np.uint64)
    times = np.array([file.time for file in files], np.int64)
    return extended(contents, store, ids, times, starts + at, sizes, names)


def extended(
    contents: Contents, store: GrowingStore, ids: npt.NDArray[np.uint64], times: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], names: Sequence[str] | None = None,
) -> Contents:  # fmt: skip
    """Add files whose particles are in the columns already, and make the checkpoints that are due."""
    c = replace(
        contents, ids=np.concatenate([contents.ids, ids]), times=np.concatenate([contents.times, times]),
        starts=np.concatenate([contents.starts, starts]), sizes=np.concatenate([contents.sizes, sizes]),
        names=contents.names if names is None else tuple(names),
    )  # fmt: skip
    points = {layer: _with_checkpoints(c, store, layer) for layer in c.layers}
    return replace(c, checkpoints=points)


def _with_checkpoints(contents: Contents, store: GrowingStore, layer: Layer) -> tuple[Checkpoint, ...]:
    points = list(contents.checkpoints.get(layer, ()))
    last = points[-1] if points else Checkpoint(0, 0, 0)
    before = contents.before
    while before[-1] - before[last.files] >= layer.step:
        files = int(np.searchsorted(before, before[last.files] + layer.step))
        last = _checkpoint(contents, store, layer, last, files)
        points.append(last)
    return tuple(points)


def _checkpoint(contents: Contents, store: GrowingStore, layer: Layer, last: Checkpoint, files: int) -> Checkpoint:
    """The counts of the first `files` files."""
    planes = len(contents.names) if layer.by else 1
    old = tiles_of(store, layer, last)
    table = np.zeros((planes, layer.across, layer.across, 2), np.int64)
    table[: len(old)] = old
    if planes * layer.level**2 <= TOGETHER:
        out = np.zeros((planes, layer.level, layer.level), np.uint32)
        count_raw(
            contents, store, layer.x, layer.y, layer.by, layer.whole, last.files, files, out if layer.by else out[0]
        )
        for plane in range(planes):
            _add(store, layer, table[plane], out[plane])
    else:
        for plane in range(planes):
            _add(store, layer, table[plane], _one(contents, store, layer, plane, last.files, files))
    return Checkpoint(files, store.put(table.tobytes()), planes)


def _one(contents: Contents, store: GrowingStore, layer: Layer, plane: int, first: int, last: int) -> Counts:
    """The counts of one population (or of all particles)."""
    out = np.zeros((layer.level, layer.level), np.uint32)
    picked = _Picked(store, layer.by, plane) if layer.by else store
    count_raw(contents, picked, layer.x, layer.y, "", layer.whole, first, last, out)
    return out


class _Picked:
    """A store in which only the particles of one population have codes."""

    def __init__(self, store: GrowingStore, by: str, plane: int) -> None:
        self._store, self._by, self._plane = store, by, plane
        self.column, self.tile = store.column, store.tile

    def missing(self, name: str, start: int, stop: int) -> npt.NDArray[np.int64]:
        others = np.flatnonzero(self._store.column(self._by, start, stop) != self._plane) + start
        gone = self._store.missing(name, start, stop)
        return np.union1d(others, gone) if gone.size else others


def _add(store: GrowingStore, layer: Layer, table: npt.NDArray[np.int64], counts: Counts) -> None:
    """Put the tiles that `counts` changes, and their places into `table` (down, across, 2)."""
    side = layer.tile
    tile = np.empty((side, side), np.uint32)
    for r in range(layer.across):
        for s in range(layer.across):
            part = counts[r * side : (r + 1) * side, s * side : (s + 1) * side]
            if not part.any():
                continue
            offset, length = table[r, s].tolist()
            if length:
                unpack_tile(store.tile(offset, length), tile)
            else:
                tile[:] = 0
            tile += part
            packed = pack_tile(tile)
            table[r, s] = store.put(packed), len(packed)


def _coded(
    columns: Mapping[str, npt.NDArray[np.generic]],
) -> tuple[dict[str, Column], dict[str, npt.NDArray[np.int64]]]:
    """Columns as codes (log values rounded down), and where there is none."""
    codes: dict[str, Column] = {}
    missing: dict[str, npt.NDArray[np.int64]] = {}
    for name, values in columns.items():
        if values.dtype in (np.uint16, np.uint8):
            codes[name] = values  # type: ignore[assignment]
            continue
        good = np.isfinite(values) & (values >= 0) & (values < SIZE)  # type: ignore[operator]
        codes[name] = np.where(good, values, 0).astype(np.uint16)
        missing[name] = np.flatnonzero(~good).astype(np.int64)
    return codes, {name: missing.get(name, np.empty(0, np.int64)) for name in codes}


def _joined(parts: Sequence[npt.NDArray[np.generic]]) -> Column:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)  # type: ignore[return-value]
