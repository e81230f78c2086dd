"""What of an HDF5 dataset was never written, or is not in the file: libhdf5 reads both as zeros, and says nothing.

* A chunk nobody wrote has the fill value; where nobody chose one, that is missing, not 0.
* A copy of a file in SWMR mode may be cut without saying so: what is stored must lie within it.
* A virtual dataset whose source is gone has the fill value, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import h5py
import numpy as np
from h5py import h5d

from workbench.core.errors import ReaderError
from workbench.readers import hdf5_superblock as superblock
from workbench.readers.stored import Array

Block = tuple[slice, ...]


def rows(dataset: h5py.Dataset, count: int) -> int:
    """How many of the first `count` rows stand in chunks that were written."""
    if dataset.chunks is None or dataset.is_virtual:
        return count
    step, rest = int(dataset.chunks[0]), (0,) * (dataset.ndim - 1)
    while count and dataset.id.get_chunk_info_by_coord(((count - 1) // step * step, *rest)).byte_offset is None:
        count = (count - 1) // step * step
    return count


def mend(path: str, dataset: h5py.Dataset, where: Block, values: Array, *, growing: bool, lenient: bool) -> Array:
    """`values` of `dataset` there, with what is not in the file as NaN.

    Parameters
    ----------
    path : str
    dataset : h5py.Dataset
    where : tuple of slice
        Of the first axes.
    values : ndarray
        As libhdf5 gave them; more axes may follow.
    growing : bool
        The file is in SWMR mode, or a copy of one.
    lenient : bool
        A source that is gone is NaN, not an error.

    Raises
    ------
    ReaderError
        When what should be there is beyond the end of the file, a source is gone, or what is missing is a whole number,
        which cannot say so.
    """
    full = (*where, *(slice(0, n) for n in dataset.shape[len(where) :]))
    if dataset.is_virtual:
        return _without(path, dataset, full, values, [*_gone(path, dataset, full, lenient)])
    if dataset.chunks is None:
        if growing:
            _within(path, dataset, dataset.id.get_offset(), dataset.id.get_storage_size())
        return values
    expected = np.prod([-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)], dtype=object)
    if not growing and dataset.id.get_num_chunks() >= expected:
        return values
    chosen = dataset.id.get_create_plist().fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED
    blank = [block for block in _chunks(path, dataset, full) if not chosen]
    return _without(path, dataset, full, values, blank)


def _chunks(path: str, dataset: h5py.Dataset, where: Block) -> Iterator[Block]:
    """Chunks there that were not written; ReaderError for one beyond the end of the file."""
    ranges = [range(s.start // c * c, s.stop, c) for s, c in zip(where, dataset.chunks, strict=True)]
    for corner in product(*ranges):
        info = dataset.id.get_chunk_info_by_coord(corner)
        if info.byte_offset is None:
            yield tuple(slice(at, at + c) for at, c in zip(corner, dataset.chunks, strict=True))
        else:
            _within(path, dataset, info.byte_offset, info.size)


def _within(path: str, dataset: h5py.Dataset, begin: int | None, size: int) -> None:
    there = os.path.getsize(path)
    if begin is not None and begin + size > there:
        raise ReaderError(
            path, f"only a part of '{dataset.name}' is in it", expected=f"{begin + size} bytes", found=there
        )


def virtual(path: str, dataset: h5py.Dataset, where: Block, *, lenient: bool) -> Array:
    """Values of a virtual dataset; NaN where a source cannot be read and `lenient`.

    Raises
    ------
    ReaderError
        When a source cannot be read, and not `lenient`.
    """
    if not any(True for _ in _gone(path, dataset, where, lenient)):
        return np.asarray(dataset[where])
    values = np.full([s.stop - s.start for s in where], np.nan, dataset.dtype)
    for source in dataset.virtual_sources():
        block = [slice(max(b.start, w.start), min(b.stop, w.stop)) for b, w in zip(_place(source), where, strict=True)]
        if all(b.start < b.stop for b in block) and not _wrong(path, source):
            here = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(block, where, strict=True))
            values[here] = dataset[tuple(block)]
    return values


def _place(source: Any) -> Block:
    first, last = source.vspace.get_select_bounds()
    return tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))


def _gone(path: str, dataset: h5py.Dataset, where: Block, lenient: bool) -> Iterator[Block]:
    """Where the sources are that do not exist, or cannot be read through this file."""
    for source in dataset.virtual_sources():
        block = _place(source)
        if any(b.start >= w.stop or b.stop <= w.start for b, w in zip(block, where, strict=True)):
            continue
        wrong = _wrong(path, source)
        if wrong and not lenient:
            raise ReaderError(
                path,
                f"'{dataset.name}' is made of {source.file_name}, which {wrong}",
                hint="`missing: nan` goes on without it",
            )
        if wrong:
            yield block


def _wrong(path: str, source: Any) -> str:
    """Why a source gives nothing: libhdf5 would give its fill value, and say nothing."""
    if source.file_name == ".":
        return ""
    place = os.path.join(os.path.dirname(path), source.file_name)
    if not os.path.exists(place):
        return "is not there"
    try:
        if superblock.checked(place).writing:
            return "is being written, and cannot be read through another file"
        with h5py.File(place, "r", locking=False) as file:
            return "" if source.dset_name in file else f"has no '{source.dset_name}'"
    except ReaderError as error:
        return f"is {error.reason}"
    except (OSError, RuntimeError) as error:
        return f"cannot be read ({error})"


def _without(path: str, dataset: h5py.Dataset, where: Block, values: Array, blank: Sequence[Block]) -> Array:
    for block in blank:
        here = tuple(
            slice(max(b.start - w.start, 0), max(min(b.stop, w.stop) - w.start, 0))
            for b, w in zip(block, where, strict=True)
        )
        if not values[here[: values.ndim]].size:
            continue
        if values.dtype.kind in "fc":
            values[here[: values.ndim]] = np.nan
        elif values.dtype.kind in "iub":
            raise ReaderError(
                path, f"rows of '{dataset.name}' were never written", hint="Leave it out: `variables:` names the others"
            )
    return values
