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
from workbench.raster.scatter import stride_of
from workbench.raster.tiles import Counts, Layer, count_cells, pack_tile, sort_by_tile, unpack_tile
from workbench.raster.time_index import Checkpoint, Contents, count_raw, particles, tiles_of


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
    before, totals = contents.before, dict[int, Counts]()
    while before[-1] - before[last.files] >= layer.step:
        files = int(np.searchsorted(before, before[last.files] + layer.step))
        last = _checkpoint(contents, store, layer, last, files, totals)
        points.append(last)
    return tuple(points)


def _checkpoint(
    contents: Contents, store: GrowingStore, layer: Layer, last: Checkpoint, files: int, totals: dict[int, Counts]
) -> Checkpoint:
    """The counts of the first `files` files; `totals` holds whole pictures (by plane) from one to the next."""
    planes = len(contents.names) if layer.by else 1
    old = tiles_of(store, layer, last)
    table = np.zeros((planes, layer.across, layer.across, 2), np.int64)
    table[: len(old)] = old
    if layer.across == 1:
        out = np.zeros((planes, layer.level, layer.level), np.uint32)
        count_raw(
            contents, store, layer.x, layer.y, layer.by, layer.whole, last.files, files, out if layer.by else out[0]
        )
        for plane in range(planes):
            if out[plane].any():
                place = table[plane, 0, 0]
                totals[plane] = out[plane] + (totals[plane] if plane in totals else _tile(store, place, layer))
                _put(store, place, totals[plane])
    else:
        _tiled(contents, store, layer, last.files, files, table.reshape(-1, 2))
    return Checkpoint(files, store.put(table.tobytes()), planes)


def _tiled(
    contents: Contents, store: GrowingStore, layer: Layer, first: int, last: int, table: npt.NDArray[np.int64]
) -> None:
    """Put the tiles in which there are particles of these files, and their places into `table` (tiles, 2)."""
    pieces = list(particles(contents, store, layer.x, layer.y, layer.by, first, last))
    if not pieces:
        return
    x, y, label = (np.concatenate(columns) if len(columns) > 1 else columns[0] for columns in zip(*pieces, strict=True))
    cells, ends = sort_by_tile(x, y, label, len(table) // layer.across**2, layer)
    stride = stride_of(layer.tile)
    flat = np.zeros(layer.tile * stride, np.uint32)
    for t in np.flatnonzero(np.diff(ends)).tolist():
        tile = _tile(store, table[t], layer)
        count_cells(cells[ends[t] : ends[t + 1]], flat, stride, tile)
        _put(store, table[t], tile)


def _tile(store: GrowingStore, place: npt.NDArray[np.int64], layer: Layer) -> Counts:
    """The tile that is there, to add to."""
    offset, length = place.tolist()
    tile = np.zeros((layer.tile, layer.tile), np.uint32)
    if length:
        unpack_tile(store.tile(offset, length), tile)
    return tile


def _put(store: GrowingStore, place: npt.NDArray[np.int64], tile: Counts) -> None:
    """Put a tile, and where it is into `place`."""
    packed = pack_tile(tile)
    place[:] = store.put(packed), len(packed)


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
