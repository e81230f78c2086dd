"""The rows of a Source, opened part by part: whoever goes through them holds one part at a time.

Opening a Source has the time of every row in memory, and of lines of text more than that. Of many files that follow each
other, some at a time are opened; of long ones, and of those that overlap, some rows at a time, as their reader does it; of
what answers for itself (a server, the record), some time; of particles, some rows of one file. Parts are gone through
twice: once for their times and positions, once to be written.

As a whole are opened: a product, which is made of the whole cruise in memory and has a row a file (a `track` a row a fix);
what a reader opens whole because it is small by nature (an SFL, an instrument's log, a database: a line a file); a
compressed file of events, which is inflated at once.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from workbench.catalog.export_attributes import together
from workbench.catalog.extent import Extent
from workbench.catalog.files import LONG, Files
from workbench.catalog.source import Source
from workbench.catalog.stored import Stored
from workbench.core import clock
from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.window import Window

#: Bytes of the files of a part, and how many files there may be in it.
BYTES, FILES = 32 << 20, 256
#: Bytes of the lines of a part of one long file.
LINES = 8 << 20
#: Rows of a part of what answers for itself.
ROWS = 1 << 19
Opener = Callable[[], xr.Dataset]


class Parts:
    """What is going to be written.

    Parameters
    ----------
    source : Source
    window : Window or str
        As `Source.open` takes it.
    block : int
        Rows in memory at once, about.
    looked : callable of int
        Told after each of several parts how many rows were found so far.

    Attributes
    ----------
    ds : xarray.Dataset
        Says which variables there are, with the attributes of the whole; of several parts, it has the rows of one.
    dim : str
        The dimension that grows.
    rows : int
        How many rows there are along it, in all parts.
    extent : Extent
    letters : dict of int
        Letters of the longest text of a variable, where text has a width.
    """

    def __init__(
        self, source: Any, window: Window | str, block: int, looked: Callable[[int], object] = lambda rows: None
    ) -> None:
        self._block, self._looked = block, looked
        self._whole: xr.Dataset | None = None
        self._sizes: list[tuple[int, int]] = []
        self._chunks: list[int] | None = None
        self.letters: dict[str, int] = {}
        self._openers: list[Opener] = []
        if isinstance(source, Source):
            window = Window.parse(window, now=clock.as_of(source.end))
            for self._openers, ordered in ways(source, window, block):
                if len(self._openers) > 1 and self._follow(ordered):
                    return
        long = particles(source, window, block)
        self._whole, self._chunks = long or (source.open(window), None)
        self.ds = self._whole
        self.dim, self.extent = row_dim(self.ds), Extent(self.ds)
        self.rows = self.ds.sizes.get(self.dim, 1)
        _look(self.extent, self.ds, self.dim, block)

    def __iter__(self) -> Iterator[tuple[xr.Dataset, int, int]]:
        """Rows, and the numbers of the first of them and of the one after the last; at least once.

        Raises
        ------
        WorkbenchError
            When rows are not what they were when they were looked at.
        """
        if self._whole is not None:
            for start, stop in blocks(self._whole, self.dim, self._block, self._chunks):
                yield self._whole.isel({self.dim: slice(start, stop)}) if self.dim else self._whole, start, stop
            return
        at = 0
        for opener, (rows, mark) in zip(self._openers, self._sizes, strict=True):
            if not rows:
                continue
            ds = opener().isel(time=slice(rows))
            if _mark(ds) != mark:
                raise WorkbenchError(
                    "its files changed while they were exported. Run it again, or give an end (--until)"
                )
            for start, stop in blocks(ds, "time", self._block):
                yield ds.isel(time=slice(start, stop)), at + start, at + stop
            at += rows
            del ds

    def _follow(self, ordered: bool) -> bool:
        """Look through all parts; False when they are no table, or (unless they are `ordered`) do not follow each other."""
        first: xr.Dataset | None = None
        self._sizes, self.letters = [], {}
        told, latest = [], np.datetime64(np.iinfo(np.int64).min + 1, "ns")
        for opener in self._openers:
            try:
                ds = opener()
            except ReaderError:  # as a whole, it is told or listed
                return False
            if row_dim(ds) != "time" or "time" not in ds.variables or ds["time"].dtype.kind != "M":
                return False
            told.append(ds.attrs)
            self._sizes.append((ds.sizes["time"], _mark(ds)))
            if not ds.sizes["time"]:
                continue
            times = ds["time"].values[~np.isnat(ds["time"].values)]
            if first is None:
                first, self.extent = ds, Extent(ds)
            elif not _alike(first, ds) or (not ordered and len(times) and times.min() <= latest):
                return False
            for name, array in ds.variables.items():
                if array.dtype.kind == "U":
                    self.letters[str(name)] = max(self.letters.get(str(name), 0), array.dtype.itemsize // 4)
            latest = times.max() if len(times) else latest
            _look(self.extent, ds, "time", self._block)
            self._looked(sum(rows for rows, _ in self._sizes))
            del ds
        attrs = together(told)
        if first is None or attrs is None:
            return False
        self.ds, self.dim, self.rows = first.assign_attrs(attrs), "time", sum(rows for rows, _ in self._sizes)
        return True


def ways(source: Source, window: Window, block: int) -> Iterator[tuple[list[Opener], bool]]:
    """What opens the parts of a source, the best way first, and whether they stand in its order, come what may."""
    origin = source.origin
    if isinstance(origin, Stored):
        yield _spells(origin, window), False
    elif type(origin) is Files and not origin.particles:
        paths = origin.in_order()
        sizes = [os.stat(path).st_size for path in paths]
        if max(sizes, default=0) <= LONG:
            groups = _groups(paths, sizes)
            yield [lambda paths=group: origin.open_these(paths, window) for group in groups], False  # type: ignore[misc]
        try:
            yield origin.stretches(window, LINES, block), True
        except ReaderError:  # as a whole, it is told
            return


def particles(source: Any, window: Window | str, block: int) -> tuple[xr.Dataset, list[int]] | None:
    """Particles of which a file has too many to be read at once, without chunks, and rows to be read together."""
    origin = source.origin if isinstance(source, Source) else None
    if type(origin) is not Files or not origin.particles or not isinstance(window, Window):
        return None
    ds = origin.open(window, chunked=False)
    told = [
        array.encoding["preferred_chunks"]["particle"] for array in ds.variables.values() if "particle" in array.dims
    ]
    if not told or max(told[0], default=0) <= 2 * block:
        return None
    return ds, [min(block, chunk - at) for chunk in told[0] for at in range(0, chunk, block)]


def _spells(origin: Stored, window: Window) -> list[Opener]:
    span = origin.span()
    parts = -(-origin.count() // ROWS) if span is not None else 0
    if span is None or parts < 2 or not (asked := window & span):
        return []
    first, last = (int(edge.astype(np.int64)) for edge in asked)
    edges = np.linspace(0, last - first, parts + 1).astype(np.int64) + first
    edges[-1] = last
    spells = [Window(np.datetime64(int(a), "ns"), np.datetime64(int(b), "ns")) for a, b in pairwise(edges) if a < b]
    return [lambda spell=spell: origin.open(spell) for spell in spells]  # type: ignore[misc]


def _groups(paths: Sequence[str], sizes: Sequence[int]) -> list[list[str]]:
    """Files, some together; at least two, for one alone is opened by other rules."""
    groups: list[list[str]] = [[]]
    size = 0
    for path, own in zip(paths, sizes, strict=True):
        if len(groups[-1]) >= 2 and (size + own > BYTES or len(groups[-1]) >= FILES):
            groups.append([])
            size = 0
        groups[-1].append(path)
        size += own
    if len(groups) > 1 and len(groups[-1]) < 2:
        last = groups.pop()
        groups[-1] += last
    return groups


def row_dim(ds: xr.Dataset) -> str:
    """The dimension that grows: particle, else time, else the longest one; empty for numbers alone."""
    for name in ("particle", "time"):
        if name in ds.dims:
            return name
    return str(max(ds.sizes, key=lambda name: ds.sizes[name], default=""))


def blocks(
    ds: xr.Dataset, dim: str, size: int, chunks: Sequence[int] | None = None
) -> Iterator[tuple[int, int]]:  # fmt: skip
    """Ranges of rows along `dim`: whole chunks (those of the dataset, unless told), as many as come to about `size`; at
    least one.
    """
    total = ds.sizes.get(dim, 1)
    chunks = chunks or ds.chunksizes.get(dim) or [size] * (total // size) + ([total % size] if total % size else [])
    start = stop = 0
    for chunk in chunks:
        if stop > start and stop + chunk - start > size:
            yield start, stop
            start = stop
        stop += chunk
    if stop > start or total == 0:
        yield start, stop


def _look(extent: Extent, ds: xr.Dataset, dim: str, block: int) -> None:
    """Show all rows to `extent`."""
    some = ds[extent.names]
    if dim not in some.dims:
        extent.add(some.load())
        return
    for start, stop in blocks(some, dim, block):
        extent.add(some.isel({dim: slice(start, stop)}).load())


def _mark(ds: xr.Dataset) -> int:
    return zlib.crc32(ds["time"].values.tobytes())


def _alike(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Whether rows of both can stand in one table: the same variables, kinds and units, the same along other dimensions."""
    if one.variables.keys() != other.variables.keys() or set(one.coords) != set(other.coords):
        return False
    for name, a in one.variables.items():
        b = other.variables[name]
        text = a.dtype.kind in "OUST" and b.dtype.kind in "OUST"
        if a.dims != b.dims or not (text or a.dtype == b.dtype) or a.attrs.get("units") != b.attrs.get("units"):
            return False
        if "time" not in a.dims and not a.equals(b):  # type: ignore[no-untyped-call]
            return False
        if any(one.sizes[dim] != other.sizes[dim] for dim in a.dims if dim != "time"):
            return False
    return True
