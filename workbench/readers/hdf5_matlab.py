"""Arrays as MATLAB writes them into HDF5 (v7.3): axes turned round, vectors as matrices, text as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from workbench.readers.hdf5_file import BROKEN
from workbench.readers.stored import Array, Stored, joined_characters

_NUMBERS = ("double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def arrays(node: h5py.Dataset, kind: str, attrs: dict[str, Any]) -> Iterator[Stored]:
    """The array as MATLAB shows it: none where it is empty, or of a kind that is no array of numbers or text."""
    if node.attrs.get("MATLAB_empty", 0):
        return
    if kind in _NUMBERS and node.dtype.kind in "biufc":
        dtype = "|b1" if kind == "logical" else node.dtype.str
        found = shape(node)
        yield Stored(node.name, node.name, ("",) * len(found), found, dtype, attrs, "matlab")
    elif kind == "char" and node.dtype == np.uint16 and node.ndim == 2:
        found = (int(node.shape[1]),)
        yield Stored(node.name, node.name, ("",), found, "O", attrs, "matlab text")
    elif kind == "cell" and _are_texts(node):
        yield Stored(node.name, node.name, ("",), (int(node.size),), "O", attrs, "matlab cell")


def shape(node: h5py.Dataset) -> tuple[int, ...]:
    """The axes from first to last, a row or a column as one axis."""
    turned = tuple(int(n) for n in node.shape[::-1])
    if node.attrs.get("MATLAB_class") in (b"char", "char"):
        return turned[:1]
    if len(turned) == 2 and 1 in turned:
        return (max(turned),)
    return turned


def read(node: h5py.Dataset, how: str, where: tuple[slice, ...]) -> Array:
    """Values of the array as `shape` says it stands."""
    if how == "matlab text":
        return joined_characters(np.asarray(node[:, where[0]]).T)
    if how == "matlab cell":
        refs = np.asarray(node[...]).ravel()[where[0]]
        out = np.empty(len(refs), dtype=object)
        out[:] = [_text(node.file[ref]) for ref in refs]
        return out
    logical = node.attrs.get("MATLAB_class") in (b"logical", "logical")
    if node.ndim == 2 and 1 in node.shape:
        values = np.asarray(node[0, where[0]] if node.shape[0] == 1 else node[where[0], 0])
    else:
        values = np.asarray(node[where[::-1]]).transpose()
    return values.astype(bool) if logical else values


def _text(node: Any) -> str:
    if not isinstance(node, h5py.Dataset) or node.dtype != np.uint16 or node.ndim != 2:
        return ""
    return str(joined_characters(np.asarray(node[...]).T)[0]) if node.size else ""


def _are_texts(node: h5py.Dataset) -> bool:
    if h5py.check_dtype(ref=node.dtype) is None or min(node.shape, default=0) != 1:
        return False
    try:
        first = node.file[np.asarray(node[...]).ravel()[0]]
        return isinstance(first, h5py.Dataset) and first.attrs.get("MATLAB_class") in (b"char", "char")
    except BROKEN:
        return False
