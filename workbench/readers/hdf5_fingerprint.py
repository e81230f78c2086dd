"""Whether an HDF5 file is laid out like another one, told without looking at everything again.

Of each array that matters: where it is, its type, its axes but the rows, how many attributes it has, and those that
change what its values mean; of each group on the way, how many things are in it. Read by h5py's low level: a twentieth of
what a walk costs.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5t

from workbench.readers.rows_layout import Layout
from workbench.readers.stored import Stored

_MEANING = (b"units", b"scale_factor", b"add_offset", b"_FillValue", b"missing_value", b"calendar", b"_Unsigned",
            b"standard_name", b"MATLAB_class")  # fmt: skip
_TEXT = h5py.string_dtype()
_TEXT_TYPE = h5t.py_create(_TEXT)
Print = tuple[Any, ...]


def take(file: h5py.File, layout: Layout) -> Print | None:
    """The fingerprint of what `layout` names; None when something of it is not there."""
    stored = {each.key: each for each in (*layout.still, *layout.rows, *((layout.time,) if layout.time else ()))}
    try:
        groups = {key.rpartition("/")[0] or "/" for key in stored}
        counts = tuple(h5g.open(file.id, group.encode()).get_num_objs() for group in sorted(groups))
        return (counts, *(_of(file, each) for each in stored.values()))
    except (KeyError, OSError, ValueError, RuntimeError):
        return None


def _of(file: h5py.File, stored: Stored) -> Print:
    dataset = h5d.open(file.id, stored.key.encode())
    row = stored.dims.index("time") if "time" in stored.dims else -1
    shape = list(dataset.shape)
    if stored.how.startswith("matlab"):
        shape = sorted(shape) if row >= 0 and len(stored.dims) == 1 else shape[::-1]
        row = len(shape) - 1 if row >= 0 and len(stored.dims) == 1 else row
    if row >= 0:
        shape[row] = -1
    names: list[bytes] = []
    h5a.iterate(dataset, names.append)
    said = tuple(_attribute(dataset, name) for name in names if name in _MEANING)
    return (stored.key, tuple(shape), dataset.get_type().encode(), len(names), said)


def _attribute(dataset: Any, name: bytes) -> tuple[bytes, Any]:
    attribute = h5a.open(dataset, name)
    kind = attribute.get_type()
    if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
        words = np.empty(attribute.shape, dtype=_TEXT)
        attribute.read(words, mtype=_TEXT_TYPE)
        return name, words.tolist()
    if kind.get_class() in (h5t.VLEN, h5t.REFERENCE):
        return name, h5py.AttributeManager(h5py.Dataset(dataset))[name.decode()]
    raw = np.empty(attribute.shape, dtype=kind.dtype)
    if raw.size:
        attribute.read(raw)
    return name, raw.tobytes()
