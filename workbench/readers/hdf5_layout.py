"""What lies in an HDF5 file: datasets, tables, groups, and what each axis is called.

The file is walked once, without following links out of it. A table's fields are arrays of their own; pandas' stores
and MATLAB's files are read as what they stand for (`hdf5_pandas`, `hdf5_matlab`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from workbench.core.errors import ReaderError, suggest
from workbench.readers import hdf5_matlab, hdf5_pandas, hdf5_written
from workbench.readers.hdf5_arrays import array, attributes, dims_of, field, fields, named, said, scales_of, words
from workbench.readers.hdf5_file import BROKEN
from workbench.readers.stored import Array, Stored, joined_characters, refuse_size, text

#: A file with more objects, or deeper groups, is no data of a ship.
_OBJECTS, _DEPTH = 20_000, 32
#: What one byte of a filtered chunk may become; deflate gives at most 1032.
_INFLATES = 2000
_BARE = "This is a netCDF dimension but not a netCDF variable"


class Hdf5Container:
    """One HDF5 file, opened.

    Parameters
    ----------
    path : str
    file : h5py.File
    growing : bool
        Somebody may be adding rows to it.
    """

    def __init__(self, path: str, file: h5py.File, growing: bool = False) -> None:
        self.path = path
        self.file = file
        self.growing = growing
        self.lenient = False  #: what is gone is NaN, not an error

    def written(self, stored: Stored, rows: int, *, moment: bool = False) -> int:
        """How many of the first `rows` values in a growing file have been written; of a time, none is the fill value."""
        dataset = self._dataset(stored)
        rows = hdf5_written.rows(dataset, rows)
        if stored.pick or dataset.ndim != 1 or not rows or not moment:
            return rows
        fill = dataset.fillvalue
        first, *_ = np.asarray(dataset[0:1]).tolist()
        while rows > 1 and first != fill and dataset[rows - 1] == fill:
            rows -= 1
        return rows

    def arrays(self, group: str) -> list[Stored]:
        """Every array below `group`; names are paths from there, joined by ``_`` (the last part where that is enough)."""
        top = self._group(group)
        scales = scales_of(self.file)
        found = [stored for node in _walk(top) for stored in self._of(node, scales)]
        return named(found, top.name)

    def _group(self, group: str) -> h5py.Group:
        name = f"/{group.strip('/')}"
        top = self.file.get(name)
        if not isinstance(top, h5py.Group):
            groups: list[str] = []
            self.file.visititems(lambda path, node: groups.append(path) if isinstance(node, h5py.Group) else None)
            raise ReaderError(self.path, f"there is no group '{group}'", hint=suggest(group.strip("/"), groups[:50]))
        return top

    def _of(self, node: h5py.Dataset | h5py.Group, scales: dict[int, str]) -> Iterator[Stored]:
        if isinstance(node, h5py.Group):
            yield from hdf5_pandas.arrays(node)
            return
        try:
            attrs, shape, dtype = dict(attributes(node)), node.shape, node.dtype
        except BROKEN:
            return
        if shape is None or words(attrs.get("NAME")).startswith(_BARE):
            return
        if "MATLAB_class" in attrs:
            yield from hdf5_matlab.arrays(node, words(attrs["MATLAB_class"]), said(attrs))
        elif dtype.names is not None:
            yield from fields(node, dtype, said(attrs))
        else:
            yield from array(node, attrs, dims_of(node, attrs, scales, "??" if self.growing else "?"))

    def length(self, stored: Stored) -> int:
        """How long the first axis is now."""
        dataset = self._dataset(stored)
        return hdf5_matlab.shape(dataset)[0] if stored.how.startswith("matlab") else int(dataset.shape[0])

    def read(self, stored: Stored, where: tuple[slice, ...]) -> Array:
        """Values of `stored` there."""
        dataset = self._dataset(stored)
        if stored.how.startswith("matlab"):
            return hdf5_matlab.read(dataset, stored.how, where)
        if stored.how == "field":
            values = field(dataset, stored, where)
            return self._mend(dataset, where[: dataset.ndim], values)
        if stored.how == "column":
            return np.asarray(dataset[where[0], stored.pick[0]])
        if stored.how == "characters":
            return joined_characters(np.asarray(dataset[(*where, slice(None))]))
        if dataset.is_virtual and dataset.dtype.kind in "fc":
            return hdf5_written.virtual(self.path, dataset, where, lenient=self.lenient)
        values = np.asarray(dataset[where])
        if values.dtype.kind in "SO":
            return text(values)
        return self._mend(dataset, where, values)

    def _mend(self, dataset: h5py.Dataset, where: tuple[slice, ...], values: Array) -> Array:
        return hdf5_written.mend(self.path, dataset, where, values, growing=self.growing, lenient=self.lenient)

    def _dataset(self, stored: Stored) -> h5py.Dataset:
        dataset = self.file[stored.key] if self.growing else self.file.get(stored.key)
        if not isinstance(dataset, h5py.Dataset):
            raise ReaderError(self.path, f"'{stored.key}' is no longer in it")
        if dataset.is_virtual and self.file.driver == "fileobj":  # libhdf5 would look for its sources in this very file
            raise ReaderError(self.path, f"'{stored.key}' is made of other files while it is being written",
                              hint="Open those files")  # fmt: skip
        return dataset

    def sound(self, stored: Stored) -> None:
        """Refuse an array whose header claims more than the file can hold."""
        dataset = self._dataset(stored)
        held = int(dataset.id.get_storage_size())
        most = _INFLATES if dataset.chunks and dataset.id.get_create_plist().get_nfilters() else 1
        width = dataset.dtype.itemsize
        sparse = dataset.chunks is not None or dataset.is_virtual or bool(dataset.external)
        wrong = None if sparse else refuse_size(self.path, stored.name, dataset.shape, width, held, 1)
        if dataset.chunks:
            chunk = int(np.prod([int(n) for n in dataset.chunks], dtype=object)) * width
            if chunk > 1 << 31:
                wrong = f"'{stored.name}' has chunks of {chunk} bytes"
            claimed = int(np.prod([int(n) for n in dataset.shape], dtype=object)) * width
            # chunks that were never written are missing, not stored; but a file of a megabyte holds no gigabytes
            if claimed > max(held, 1 << 16) * max(most, 64) + chunk and claimed > 1 << 26:
                wrong = f"'{stored.name}' claims {claimed} bytes, for which the file holds {held}"
        if wrong:
            raise ReaderError(self.path, wrong)


def _walk(top: h5py.Group) -> Iterator[h5py.Dataset | h5py.Group]:
    """Datasets and pandas' groups below `top`; links out of the file, and circles, are left alone."""
    seen: set[Any] = set()
    count = 0
    stack: list[tuple[h5py.Group, int]] = [(top, 0)]
    while stack:
        group, depth = stack.pop()
        if hdf5_pandas.is_store(group):
            yield group
            continue
        below = []
        for name in group:
            count += 1
            if count > _OBJECTS:
                raise ReaderError(
                    top.file.filename, f"more than {_OBJECTS} objects", hint="Name a group: `group: NAME`"
                )
            node = _node(group, name)
            if node is None or (isinstance(node, h5py.Group) and (depth >= _DEPTH or node.id in seen)):
                continue
            if isinstance(node, h5py.Group):
                seen.add(node.id)
                below.append((node, depth + 1))
            else:
                yield node
        stack += reversed(below)


def _node(group: h5py.Group, name: str) -> h5py.Dataset | h5py.Group | None:
    if name.startswith("#"):  # MATLAB's own
        return None
    link: Any = None
    try:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            return None
        node = group[name]
    except BROKEN:
        if isinstance(link, h5py.SoftLink):  # it may lead nowhere
            return None
        raise
    return node if isinstance(node, h5py.Group | h5py.Dataset) else None
