"""Whether an HDF5 file is, but for the values of its rows, the same bytes as one that was looked through.

Loggers write thousands of files alike: the same arrays, as many rows, at the same places. Of such a file nothing needs to
be looked for: whatever says what is in it stands in bytes that are known, and the times lie where they lay. That takes no
libhdf5, and one comparison. Arrays that are stored in chunks have their places in trees that differ: those files are
recognised by `hdf5_fingerprint`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise

import h5py
import numpy as np
from h5py import h5d

from workbench.readers.rows_layout import Layout
from workbench.readers.stored import Array, Stored

#: Bytes of a file that is compared, at most; and of what is compared in it.
_LARGEST, _MOST = 1 << 24, 1 << 20


@dataclass(frozen=True)
class Twin:
    """What is the same in files that differ in the values of their rows alone.

    Attributes
    ----------
    size : int
        Bytes of the file.
    holes : tuple of (int, int)
        Where the values of rows lie; the rest is compared.
    rest : tuple of bytes
    clock : tuple of (int, int)
        Where the times lie.
    dtype : numpy.dtype
        Of the times.
    lengths : dict of str to int
        Rows of each array.
    signature : str
    layout : Layout
    """

    size: int
    holes: tuple[tuple[int, int], ...]
    rest: tuple[bytes, ...]
    clock: tuple[int, int]
    dtype: np.dtype[np.generic]
    lengths: dict[str, int]
    signature: str
    layout: Layout

    def opened(self, raw: bytes) -> Rows | None:
        """The rows of a file with these bytes; None when it differs in more than values."""
        if len(raw) != self.size or _around(raw, self.holes) != self.rest:
            return None
        begin, stop = self.clock
        return Rows(np.frombuffer(raw[begin:stop], self.dtype), self.lengths)


class Rows:
    """How many rows a file has, and their times: as much of a `Container` as an index asks for.

    Parameters
    ----------
    times : numpy.ndarray
        As they stand in the file.
    lengths : dict of str to int
    """

    def __init__(self, times: Array, lengths: dict[str, int]) -> None:
        self._times, self._lengths = times, lengths

    def length(self, stored: Stored) -> int:
        """How long the first axis is."""
        return self._lengths[stored.key]

    def read(self, stored: Stored, where: tuple[slice, ...]) -> Array:
        """Values of the time there."""
        return self._times[where[0]]

    def sound(self, stored: Stored) -> None:
        """Nothing: the file claims what the one that it is like claims, and is as long."""

    def arrays(self, group: str) -> list[Stored]:
        """Nothing: the layout is known."""
        return []


def bytes_of(path: str, size: int) -> bytes | None:
    """All bytes of a file of that size, where they are few enough to be compared."""
    if size > _LARGEST:
        return None
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(size + 1)
    except OSError:
        return None


def take(path: str, file: h5py.File, signature: str, layout: Layout) -> Twin | None:
    """What others must be like to be like this file; None when that cannot be told from its bytes alone."""
    clock = layout.time
    if clock is None or clock.how or clock.pick or not isinstance(clock.attrs.get("units"), str) or file.userblock_size:
        return None
    places = {each.key: _place(file, each) for each in (clock, *layout.rows)}
    raw = bytes_of(path, os.path.getsize(path))
    if raw is None or any(place is None for place in places.values()):
        return None
    holes = tuple(sorted({place for place in places.values() if place is not None}))
    apart = all(stop <= begin for (_, stop), (begin, _) in pairwise(holes))
    if not apart or len(raw) - sum(stop - begin for begin, stop in holes) > _MOST:
        return None
    lengths = {key: int(file[key].shape[0]) for key in places}
    dtype, where = file[clock.key].dtype, places[clock.key]
    if dtype.kind not in "iuf" or where is None or where[1] - where[0] != lengths[clock.key] * dtype.itemsize:
        return None
    return Twin(len(raw), holes, _around(raw, holes), where, dtype, lengths, signature, layout)


def _place(file: h5py.File, stored: Stored) -> tuple[int, int] | None:
    """Where the values of an array lie, when they lie there in one piece."""
    dataset = h5d.open(file.id, stored.key.encode())
    plist = dataset.get_create_plist()
    begin = dataset.get_offset() if plist.get_layout() == h5d.CONTIGUOUS and not plist.get_external_count() else None
    return None if begin is None or "time" not in stored.dims else (begin, begin + dataset.get_storage_size())


def _around(raw: bytes, holes: tuple[tuple[int, int], ...]) -> tuple[bytes, ...]:
    edges = [0, *(edge for hole in holes for edge in hole), len(raw)]
    return tuple(raw[begin:stop] for begin, stop in zip(edges[::2], edges[1::2], strict=True))
