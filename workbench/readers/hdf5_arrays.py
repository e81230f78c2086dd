"""What the datasets of an HDF5 file stand for: arrays, texts, the fields of tables; and what their axes are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from workbench.readers.hdf5_file import BROKEN
from workbench.readers.stored import Array, Stored, plain, text

#: Attributes that say how a file is made, not what is in it.
_MACHINERY = ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "DIMENSION_LABELS", "TITLE", "VERSION", "FLAVOR",
              "NROWS", "transposed", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties", "_nc3_strict", "EXTDIM",
              "FILTERS", "MATLAB_class", "MATLAB_int_decode", "MATLAB_fields", "MATLAB_empty", "H5PATH")  # fmt: skip


def attributes(node: Any) -> Iterator[tuple[str, Any]]:
    for name in node.attrs:
        try:
            yield name, node.attrs[name]
        except BROKEN:  # of a kind h5py does not know
            continue


def said(attrs: dict[str, Any]) -> dict[str, Any]:
    """What people said of an array, without the machinery of libraries."""
    return plain({name: value for name, value in attrs.items()
                  if name not in _MACHINERY and not name.startswith("FIELD_") and not isinstance(value, h5py.Empty)})  # fmt: skip


def words(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) if value is not None else ""


def scales_of(file: h5py.File) -> dict[int, str]:
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


def dims_of(node: h5py.Dataset, attrs: dict[str, Any], scales: dict[int, str], mark: str) -> tuple[str, ...]:
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
    if words(attrs.get("CLASS")) == "DIMENSION_SCALE" and node.ndim == 1:
        return (str(node.name),)
    if node.ndim and node.maxshape[0] is None:  # it can grow: of one mind with its neighbours that can, too
        return (f"{mark}{node.parent.name}", *([""] * (int(node.ndim) - 1)))
    return ("",) * int(node.ndim)


def array(node: h5py.Dataset, attrs: dict[str, Any], dims: tuple[str, ...]) -> Iterator[Stored]:
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


def fields(node: h5py.Dataset, dtype: np.dtype[Any], attrs: dict[str, Any]) -> Iterator[Stored]:
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


def field(dataset: h5py.Dataset, stored: Stored, where: tuple[slice, ...]) -> Array:
    rows = dataset.fields(stored.pick[0])[where[: dataset.ndim]]
    for name in stored.pick[1:]:
        if isinstance(name, str):
            rows = rows[name]
    rest = where[dataset.ndim :]
    if stored.pick and isinstance(stored.pick[-1], int):
        rows = rows[..., stored.pick[-1]]
    values = np.asarray(rows[(..., *rest)] if rest else rows)
    return text(values) if values.dtype.kind in "SO" else values


def named(found: list[Stored], top: str) -> list[Stored]:
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
