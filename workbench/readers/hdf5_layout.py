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
from workbench.readers.hdf5_file import BROKEN
from workbench.readers.stored import Array, Stored, joined_characters, plain, refuse_size, text

#: A file with more objects, or deeper groups, is no data of a ship.
_OBJECTS, _DEPTH = 20_000, 32
#: What one byte of a filtered chunk may become; deflate gives at most 1032.
_INFLATES = 2000
#: Attributes that say how a file is made, not what is in it.
_MACHINERY = ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "DIMENSION_LABELS", "TITLE", "VERSION", "FLAVOR",
              "NROWS", "transposed", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties", "_nc3_strict", "EXTDIM",
              "FILTERS", "MATLAB_class", "MATLAB_int_decode", "MATLAB_fields", "MATLAB_empty", "H5PATH")  # fmt: skip
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
        scales = _scales(self.file)
        found = [stored for node in _walk(top) for stored in self._of(node, scales)]
        return _named(found, top.name)

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
            attrs, shape, dtype = dict(_attrs(node)), node.shape, node.dtype
        except BROKEN:
            return
        if shape is None or _text(attrs.get("NAME")).startswith(_BARE):
            return
        if "MATLAB_class" in attrs:
            yield from hdf5_matlab.arrays(node, _text(attrs["MATLAB_class"]), said(attrs))
        elif dtype.names is not None:
            yield from _fields(node, dtype, said(attrs))
        else:
            yield from _array(node, attrs, _dims(node, attrs, scales, "??" if self.growing else "?"))

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
            values = _field(dataset, stored, where)
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


def _attrs(node: Any) -> Iterator[tuple[str, Any]]:
    for name in node.attrs:
        try:
            yield name, node.attrs[name]
        except BROKEN:  # of a kind h5py does not know
            continue


def said(attrs: dict[str, Any]) -> dict[str, Any]:
    """What people said of an array, without the machinery of libraries."""
    return plain({name: value for name, value in attrs.items()
                  if name not in _MACHINERY and not name.startswith("FIELD_") and not isinstance(value, h5py.Empty)})  # fmt: skip


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) if value is not None else ""


def _scales(file: h5py.File) -> dict[int, str]:
    """Paths of netCDF-4 dimensions by their number, of the root group."""
    out = {}
    for name in file:
        try:
            node = file[name] if not isinstance(file.get(name, getlink=True), h5py.ExternalLink) else None
            if isinstance(node, h5py.Dataset) and "_Netcdf4Dimid" in node.attrs:
                out[int(node.attrs["_Netcdf4Dimid"])] = node.name
        except BROKEN:
            continue
    return out


def _dims(node: h5py.Dataset, attrs: dict[str, Any], scales: dict[int, str], mark: str) -> tuple[str, ...]:
    """Paths of the dimension scales of each axis; ``""`` where there is none; after `mark`, a group whose axes grow."""
    if "_Netcdf4Coordinates" in attrs and node.ndim > 1:
        ids = np.atleast_1d(attrs["_Netcdf4Coordinates"]).tolist()
        if all(number in scales for number in ids) and len(ids) == node.ndim:
            return tuple(str(scales[number]) for number in ids)
    if "DIMENSION_LIST" in attrs and len(attrs["DIMENSION_LIST"]) == node.ndim:
        try:
            return tuple([str(node.file[refs[0]].name) if len(refs) else "" for refs in attrs["DIMENSION_LIST"]])
        except BROKEN:
            return ("",) * int(node.ndim)
    if _text(attrs.get("CLASS")) == "DIMENSION_SCALE" and node.ndim == 1:
        return (str(node.name),)
    if node.ndim and node.maxshape[0] is None:  # it can grow: of one mind with its neighbours that can, too
        return (f"{mark}{node.parent.name}", *([""] * (int(node.ndim) - 1)))
    return ("",) * int(node.ndim)


def _array(node: h5py.Dataset, attrs: dict[str, Any], dims: tuple[str, ...]) -> Iterator[Stored]:
    kind = _kind(node.dtype)
    if kind is None:
        return
    shape = tuple(map(int, node.shape))
    about = said(attrs) | _default_fill(node)
    if node.dtype == np.dtype("S1") and node.ndim > 1:  # netCDF's text
        yield Stored(node.name, node.name, dims[:-1], shape[:-1], "O", about, "characters")
        return
    yield Stored(node.name, node.name, dims, shape, kind, about, coordinate=dims == (node.name,))


def _default_fill(node: h5py.Dataset) -> dict[str, Any]:
    """netCDF's own fill values, where the file says no other."""
    if node.dtype.kind != "f" or "_FillValue" in node.attrs:
        return {}
    fill = node.fillvalue
    return {"_FillValue": float(fill)} if np.isfinite(fill) and 9.9e36 < float(fill) < 1e37 else {}


def _kind(dtype: np.dtype[Any]) -> str | None:
    """The dtype that comes out, as text; None for what is no data (references, opaque)."""
    if h5py.check_string_dtype(dtype) is not None or dtype.kind == "S":
        return "O"
    if dtype.kind in "biufcM" and h5py.check_dtype(ref=dtype) is None:
        return dtype.str
    return None


def _fields(node: h5py.Dataset, dtype: np.dtype[Any], attrs: dict[str, Any]) -> Iterator[Stored]:
    """The fields of a table; fields of fields are joined by ``_``."""
    for pick, inner in _leaves(dtype, ()):
        base, extra = inner.subdtype if inner.subdtype is not None else (inner, ())
        kind = _kind(base)
        if kind is None:
            continue
        shape = (*map(int, node.shape), *map(int, extra))
        dims = (*(f"{node.name}#{axis}" for axis in range(node.ndim)), *("",) * len(extra))
        unit = attrs.get(f"{pick[0]}_units") if len(pick) == 1 else None
        about = {"units": unit} if isinstance(unit, str) else {}
        yield Stored(node.name, f"{node.name}/{'_'.join(pick)}", dims, shape, kind, about, "field", pick)


def _leaves(dtype: np.dtype[Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], np.dtype[Any]]]:
    for name in dtype.names or ():
        inner = dtype[name]
        if inner.names is not None and len(above) < 8:
            yield from _leaves(inner, (*above, name))
        elif inner.names is None:
            yield (*above, name), inner


def _field(dataset: h5py.Dataset, stored: Stored, where: tuple[slice, ...]) -> Array:
    rows = dataset.fields(stored.pick[0])[where[: dataset.ndim]]
    for name in stored.pick[1:]:
        if isinstance(name, str):
            rows = rows[name]
    rest = where[dataset.ndim :]
    if stored.pick and isinstance(stored.pick[-1], int):
        rows = rows[..., stored.pick[-1]]
    values = np.asarray(rows[(..., *rest)] if rest else rows)
    return text(values) if values.dtype.kind in "SO" else values


def _named(found: list[Stored], top: str) -> list[Stored]:
    """Names as one word: the last part of the path where it is alone, else the path from the group."""
    base = top.rstrip("/") + "/"
    last = [stored.name.rsplit("/", 1)[-1] for stored in found]
    out = []
    for stored, short in zip(found, last, strict=True):
        path = stored.name.removeprefix(base).replace("/", "_").replace(" ", "_")
        own = path if last.count(short) > 1 else short.replace(" ", "_")
        out.append(Stored(stored.key, own, stored.dims, stored.shape, stored.dtype, stored.attrs, stored.how, stored.pick,
                          stored.coordinate))  # fmt: skip
    return out
