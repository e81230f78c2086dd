"""pandas' HDFStore, without PyTables: frames and series, as ``table`` and as ``fixed``.

Names of columns are kept there as pickles. They are read by an unpickler that makes lists and texts and nothing else.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from h5py import h5t

from workbench.readers.stored import Stored, text

_KINDS = ("frame", "series", "frame_table", "series_table", "appendable_frame", "appendable_series")


def is_store(group: h5py.Group) -> bool:
    """True for the group of one pandas object."""
    return "pandas_type" in group.attrs and _word(group.attrs["pandas_type"]) in _KINDS


def arrays(group: h5py.Group) -> Iterator[Stored]:
    """The index and the columns of one pandas object."""
    if "table" in group and isinstance(group["table"], h5py.Dataset):
        yield from _table(group, group["table"])
    elif _word(group.attrs["pandas_type"]) == "series":
        yield from _series(group)
    else:
        yield from _frame(group)


def _table(group: h5py.Group, table: h5py.Dataset) -> Iterator[Stored]:
    rows = int(table.shape[0])
    dim = (f"{group.name}#0",)
    for field in table.dtype.names or ():
        base, extra = table.dtype[field].subdtype or (table.dtype[field], ())
        kind = "O" if base.kind in "SO" else "|b1" if _is_bool(table, field) else base.str
        if field == "index" or field.startswith("level_"):
            about = _time(table.attrs.get(f"{field}_kind"), base)
            yield Stored(table.name, f"{group.name}/{field}", dim, (rows,), kind, about, "field", (field,))
            continue
        names = _names(table.attrs.get(f"{field}_kind")) or [field]
        about = _time(table.attrs.get(f"{field}_dtype"), base)
        for i, name in enumerate(names if extra else names[:1]):
            pick: tuple[Any, ...] = (field, i) if extra else (field,)
            yield Stored(table.name, f"{group.name}/{name}", dim, (rows,), kind, about, "field", pick)


def _frame(group: h5py.Group) -> Iterator[Stored]:
    index = group.get("axis1")
    if not isinstance(index, h5py.Dataset) or index.dtype.kind not in "iufS":
        return
    dim = (f"{group.name}#0",)
    yield _index(group, index, dim)
    for i in range(int(group.attrs.get("nblocks", 0))):
        items, values = group.get(f"block{i}_items"), group.get(f"block{i}_values")
        if not isinstance(items, h5py.Dataset) or not isinstance(values, h5py.Dataset):
            continue
        if values.ndim != 2 or values.dtype.kind not in "biuf" or values.shape != (len(index), len(items)):
            continue  # text is kept as pickled objects, which are not read
        about = _time(values.attrs.get("value_type"), values.dtype)
        kind = "|b1" if _is_bool(values) else values.dtype.str
        for column, name in enumerate(text(np.asarray(items)).tolist()):
            yield Stored(values.name, f"{group.name}/{name}", dim, (len(index),), kind, about, "column", (column,))


def _series(group: h5py.Group) -> Iterator[Stored]:
    index, values = group.get("index"), group.get("values")
    if not isinstance(index, h5py.Dataset) or not isinstance(values, h5py.Dataset):
        return
    if index.dtype.kind not in "iufS" or values.dtype.kind not in "biuf":
        return
    dim = (f"{group.name}#0",)
    name = _word(group.attrs.get("name", b"")) or "values"
    yield _index(group, index, dim)
    about = _time(values.attrs.get("value_type"), values.dtype)
    kind = "|b1" if _is_bool(values) else values.dtype.str
    yield Stored(values.name, f"{group.name}/{name}", dim, (len(values),), kind, about)


def _index(group: h5py.Group, index: h5py.Dataset, dim: tuple[str]) -> Stored:
    kind = "O" if index.dtype.kind == "S" else index.dtype.str
    about = _time(index.attrs.get("kind"), index.dtype)
    return Stored(index.name, f"{group.name}/index", dim, (len(index),), kind, about)


def _is_bool(dataset: h5py.Dataset, field: str | None = None) -> bool:
    """PyTables keeps truth as a field of bits, which h5py gives as numbers."""
    kind = dataset.id.get_type()
    if field is not None:
        kind = kind.get_member_type(kind.get_member_index(field.encode()))
    if kind.get_class() == h5t.ARRAY:
        kind = kind.get_super()
    return bool(kind.get_class() == h5t.BITFIELD)


def _time(kind: Any, dtype: np.dtype[Any]) -> dict[str, Any]:
    """pandas says which whole numbers are times, and in which unit."""
    word = _word(kind) if kind is not None else ""
    if dtype.kind != "i" or not word.startswith(("datetime64", "datetime")):
        return {}
    unit = word.partition("[")[2].rstrip("]").split(",")[0] or "ns"
    return {"units": f"{unit} since 1970-01-01"}


def _names(pickled: Any) -> list[str]:
    """A pickled list of names; empty when it is anything else."""
    if not isinstance(pickled, bytes):
        return []
    try:
        found = _Plain(io.BytesIO(pickled), encoding="utf-8").load()
    except Exception:  # what is no list of names is no list of names
        return []
    return [str(name) for name in found] if isinstance(found, list) and len(found) < 10_000 else []


class _Plain(pickle.Unpickler):
    """Makes texts, numbers and lists only."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not read")


def _word(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
