"""What of an HDF5 dataset was never written, or is not in the file: libhdf5 reads both as zeros, and says nothing.

* A chunk nobody wrote has the fill value; where nobody chose one, that is missing, not 0.
* A copy of a file in SWMR mode may be cut without saying so: what is stored must lie within it.
* A virtual dataset whose source is gone has the fill value, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import product

import h5py
import numpy as np
from h5py import h5d

from workbench.core.errors import ReaderError
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


def mend(path: str, dataset: h5py.Dataset, where: Block, values: Array, *, lenient: bool) -> Array:
    """`values` of `dataset` there, with what is not in the file as NaN.

    Parameters
    ----------
    path : str
    dataset : h5py.Dataset
    where : tuple of slice
        Of the first axes.
    values : ndarray
        As libhdf5 gave them; more axes may follow.
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
        return _without(path, dataset, full, values, [*_gone(path, dataset, lenient)])
    if dataset.chunks is None:
        if dataset.file.swmr_mode:
            _within(path, dataset, dataset.id.get_offset(), dataset.id.get_storage_size())
        return values
    expected = np.prod([-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)], dtype=object)
    if not dataset.file.swmr_mode and dataset.id.get_num_chunks() >= expected:
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


def _gone(path: str, dataset: h5py.Dataset, lenient: bool) -> Iterator[Block]:
    """Where the sources are that do not exist."""
    for source in dataset.virtual_sources():
        file = source.file_name
        if file == "." or os.path.exists(os.path.join(os.path.dirname(path), file)):
            continue
        if not lenient:
            raise ReaderError(
                path,
                f"'{dataset.name}' is made of {file}, which is not there",
                hint="`missing: nan` goes on without it",
            )
        first, last = source.vspace.get_select_bounds()
        yield tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))


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
